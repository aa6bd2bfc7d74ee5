import { dirname, join } from 'node:path'
import type { EgressOptions } from '../drivers/driver.ts'
import type { OnRequest } from '../egress/http/forward.ts'
import type { Secrets } from '../egress/secrets/secrets.ts'
import { startEgress, type Egress } from '../egress/start.ts'
import type { ReadTls } from '../egress/tls/read-tls.ts'
import type { TrustInside } from '../egress/tls/trust-inside.ts'
import { GloveboxError } from '../errors.ts'
import type { Network } from '../policy/network.ts'
import type { AskDesk } from '../guard/ask-desk.ts'
import { askingRules, learningRules, rulesOf, toEgress, type Rules } from '../policy/network/decide.ts'
import { defaultPort } from '../policy/network/ports.ts'
import { formatRule } from '../policy/network/rule.ts'
import type { Plan } from '../policy/plan.ts'
import type { Recorder } from '../protocol/facts.ts'

/** What a sandbox with a network has outside: listening before it is started, and closed when it has ended. */
export interface SandboxNetwork extends Egress {
  readonly options: EgressOptions
  /** What makes its programs believe that we are the hosts whose TLS is read; undefined where none is. */
  readonly trust: TrustInside | undefined
}

/** Loaded only for a plan with a network: a start without one pays nothing for it. */
export async function openNetwork(options: {
  readonly network: Network
  readonly mode: Plan['mode']
  /** Of the driver that starts the sandbox. */
  readonly dials: EgressOptions['dials']
  /** The socket of the sandbox's channel, beside which there is room for another. */
  readonly channel: string | undefined
  readonly record: Recorder
  /** Something could not be recorded: the sandbox has to end. */
  readonly onFailure: (error: unknown) => void
  readonly sandbox: string
  readonly secrets: Secrets | undefined
  /** Who asks about names that no rule has; undefined where nobody is there to be asked. */
  readonly desk: AskDesk | undefined
  /** The host's, for its proxies. */
  readonly env: Readonly<Record<string, string | undefined>>
}): Promise<SandboxNetwork> {
  const { network, mode, dials, channel, record, onFailure } = options
  if (channel === undefined) {
    throw new GloveboxError('NOT_STARTED', 'there is no place for the socket of this sandbox’s network', {
      fix: 'set XDG_RUNTIME_DIR to a directory of a short path that this user may write to',
    })
  }
  const socket = join(dirname(channel), 'egress')
  const { trust, ...withSecrets } = await secretParts(options.secrets, {
    sandbox: options.sandbox,
    directory: dirname(channel),
  })
  const { tcpPorts, udpPorts, addresses } = toEgress(network)
  // The launcher listens on one at least; what is asked for on any other is known from the supervisor.
  const ports = mode === 'learn' || network.ask === true ? [...new Set([...tcpPorts, defaultPort, 80])] : tcpPorts
  const desk = network.ask === true && mode !== 'learn' ? options.desk : undefined
  const egress = await startEgress({
    network,
    rules: rulesFor(network, mode, desk),
    ask: desk && ((wish) => desk.ask(wish)),
    ports,
    udpPorts,
    dials,
    socket,
    record,
    onFailure,
    env: options.env,
    ...withSecrets,
  })
  const unchecked = [...egress.unchecked, ...uncheckedDatagrams(network)]
  return { ...egress, unchecked, trust, options: { socket, dials, tcpPorts: ports, udpPorts, addresses } }
}

/** Whom they go to is checked as everywhere, and what they say is not: nothing in them has to name anybody. */
function uncheckedDatagrams({ allow }: Network): readonly string[] {
  const rules = allow.filter(({ protocol }) => protocol === 'udp').map(formatRule)
  return rules.length === 0 ? [] : [`what datagrams say is not checked (${rules.join(', ')})`]
}

function rulesFor(network: Network, mode: Plan['mode'], desk: AskDesk | undefined): Rules {
  if (mode === 'learn') return learningRules(network)
  return desk === undefined ? rulesOf(network) : askingRules(network, (name, port) => desk.granted(name, port))
}

/** What of the network is there for secrets alone, and loaded only for them. */
async function secretParts(
  secrets: Secrets | undefined,
  { sandbox, directory }: { readonly sandbox: string; readonly directory: string },
): Promise<{ onRequest?: OnRequest; readTls?: ReadTls; trust?: TrustInside }> {
  if (secrets === undefined || !secrets.bindsAny) return {}
  const { onRequestFor } = await import('../egress/secrets/on-request.ts')
  const onRequest = onRequestFor(secrets)
  if (secrets.read.length === 0) return { onRequest }
  const [{ createAuthority }, { hostRoots, verifying }, { createReadTls }, { trustInside }] = await Promise.all([
    import('../egress/tls/authority.ts'),
    import('../egress/tls/roots.ts'),
    import('../egress/tls/read-tls.ts'),
    import('../egress/tls/trust-inside.ts'),
  ])
  const authority = createAuthority(secrets.read, sandbox)
  const roots = hostRoots()
  const trust = trustInside(directory, authority.certificate, roots)
  return { onRequest, readTls: createReadTls(secrets, authority, verifying(roots)), trust }
}
