import { GloveboxError } from '../errors.ts'
import type { Plan } from '../policy/plan.ts'
import type { StartOptions } from './driver.ts'
import { noWayIn } from './no-way-in.ts'

/** The keys of a plan that drivers honour, or that are not for a driver (`messageBytes`, `tools`: the guard's; `template` and `machine` mean nothing to one that makes no machine). */
const known: ReadonlySet<string> = new Set<keyof Plan>([
  'schema',
  'server',
  'driver',
  'command',
  'mounts',
  'workspace',
  'deny',
  'exec',
  'network',
  'publish',
  'secrets',
  'limits',
  'messageBytes',
  'tools',
  'mode',
  'allowDegraded',
  'vmm',
  'accel',
  'template',
  'machine',
])

/**
 * A plan says nothing that would be left out, whatever the driver.
 * @param who the driver as a sentence calls it
 * @throws GloveboxError HOST_CANNOT for what nobody would see to
 */
export function requireHonoured(
  plan: Plan,
  { socket, egress }: Pick<StartOptions, 'socket' | 'egress'>,
  who: string,
): void {
  const unknown = Object.keys(plan).find((key) => !known.has(key))
  if (unknown !== undefined) {
    throw cannot(
      `${who} does not know the key "${unknown}" of the plan, so it cannot honour it`,
      'start it by the version of Glovebox that made the plan',
    )
  }
  if (plan.network !== null && egress === undefined) {
    throw cannot('network.allow: nobody decides about connections for this start', 'start it without a network list')
  }
  if (plan.publish.length > 0 && socket === undefined) throw noWayIn()
  if (plan.secrets.some(({ exposed }) => !exposed) && egress === undefined) {
    throw cannot(
      'secrets: nobody puts them into requests for this start',
      'start it without secrets that are bound to hosts',
    )
  }
}

function cannot(message: string, fix: string): GloveboxError {
  return new GloveboxError('HOST_CANNOT', message, { fix })
}
