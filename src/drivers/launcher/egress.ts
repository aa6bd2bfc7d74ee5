import type { JailEgress } from '../../protocol/jail-plan.ts'
import type { EgressOptions } from '../driver.ts'

/** What the launcher is told of a sandbox's network: ascending and each once, as it insists on. Who dials is not its business. */
export function toJailEgress({ socket, tcpPorts, addresses }: Omit<EgressOptions, 'dials'>): JailEgress {
  return { socket, tcpPorts: [...new Set(tcpPorts)].toSorted((a, b) => a - b), addresses: [...new Set(addresses)] }
}
