import type { JailEgress } from '../../protocol/jail-plan.ts'
import type { EgressOptions } from '../driver.ts'

/** What the launcher is told of a sandbox's network: ascending and each once, as it insists on. Who dials is not its business. */
export function toJailEgress({ socket, tcpPorts, udpPorts, addresses }: Omit<EgressOptions, 'dials'>): JailEgress {
  return { socket, tcpPorts: ascending(tcpPorts), udpPorts: ascending(udpPorts), addresses: [...new Set(addresses)] }
}

function ascending(ports: readonly number[]): readonly number[] {
  return [...new Set(ports)].toSorted((a, b) => a - b)
}
