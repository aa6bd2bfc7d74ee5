import { policyForCommand } from '../../config/command-policy.ts'
import { listServers } from '../../config/overview.ts'
import { readScopes } from '../../config/scopes.ts'
import { loadServer } from '../../config/servers.ts'
import { loadDriver } from '../../drivers/registry.ts'
import { messageOf } from '../../errors.ts'
import { canonicalJson } from '../canonical.ts'
import type { Installed } from '../install.ts'
import type { ToolsCompared } from './tool-diff.ts'
import { diffTools, type Announced } from './tool-diff.ts'
import type { PackageCommand, PackageRequest } from '../package-command.ts'
import { recognise } from '../recognise/recognise.ts'
import { commandOf } from '../start.ts'
import { storeIn } from '../store/store.ts'
import { verifyBeforeStart } from '../store/verify.ts'
import type { Plan } from '../../policy/plan.ts'
import type { Policy } from '../../policy/policy.ts'
import { resolvePlan } from '../../policy/resolve.ts'
import { places } from '../../system/places.ts'
import { announcedTools } from './announced-tools.ts'
import { inspectHost } from '../../runtime/inspect/host.ts'

/** How a package is started: by each server that is configured with it, with that server's policy and arguments. */
interface Starter {
  readonly name: string
  readonly command: PackageCommand
  readonly cwd: string
  readonly policy: Policy
  readonly review: (plan: Plan) => void
}

/**
 * The tools of two versions of a package, each started behind its wall without a network and asked for them. A server that
 * does not answer is told with its reason, never passed over.
 */
export async function compareTools(
  before: Installed,
  after: Installed,
  { patienceMs }: { patienceMs: number },
): Promise<ToolsCompared[]> {
  const where = { cwd: process.cwd(), env: process.env }
  const compared: ToolsCompared[] = []
  for (const name of await serversWith(before.pin.request, where)) {
    const server = name ?? before.pin.roots[0]?.name ?? ''
    try {
      const starter = await starterFor(name, before.pin.request, where)
      const [old, now] = await Promise.all([
        askFor('the version that is pinned', starter, before, patienceMs),
        askFor('the new version', starter, after, patienceMs),
      ])
      compared.push({ server, compared: true, diff: diffTools(old, now) })
    } catch (error) {
      compared.push({ server, compared: false, why: messageOf(error) })
    }
  }
  return compared
}

/** The enabled servers whose command means this package; one without a name when none does. */
async function serversWith(request: PackageRequest, where: Where): Promise<(string | undefined)[]> {
  const scopes = await readScopes({ cwd: where.cwd, places: places(where.env) }, undefined)
  const names = listServers(scopes)
    .filter(({ state, command }) => state === 'enabled' && means(command, request))
    .map(({ name }) => name)
  return names.length === 0 ? [undefined] : names
}

interface Where {
  readonly cwd: string
  readonly env: NodeJS.ProcessEnv
}

function means(command: readonly string[], request: PackageRequest): boolean {
  try {
    const found = recognise(command)
    return found?.kind === 'package' && canonicalJson(found.request) === canonicalJson(request)
  } catch {
    return false // a command that cannot be pinned was not pinned to this
  }
}

async function starterFor(name: string | undefined, request: PackageRequest, where: Where): Promise<Starter> {
  const server = name === undefined ? undefined : await loadServer(name, where)
  if (server !== undefined) {
    const command = recognise(server.command)
    if (command?.kind === 'package') return { ...server, command }
  }
  const runner = request.ecosystem === 'npm' ? 'npx' : 'uvx'
  const [first = ''] = request.packages
  const from = { ...where, flags: {}, profile: undefined, manifest: undefined }
  const { policy } = await policyForCommand([runner, first], from)
  const entry = { kind: 'executable', name: undefined } as const
  const command: PackageCommand = { kind: 'package', runner, request, entry, args: [], ignored: [] }
  return { name: first, command, cwd: where.cwd, policy, review: () => undefined }
}

async function askFor(
  which: string,
  { name, command, cwd, policy, review }: Starter,
  installed: Installed,
  patienceMs: number,
): Promise<Announced> {
  try {
    const store = storeIn(places(process.env).data)
    await verifyBeforeStart(store, installed.record)
    // `time` is one request's; here the patience is shorter.
    const { timeMs: _request, ...limits } = policy.limits
    const whole = { ...policy, limits }
    const facts = inspectHost(whole, commandOf(store, command, installed), process.env, cwd)
    const plan = resolvePlan(name, whole, facts, { env: process.env, terminal: false })
    review(plan)
    return await announcedTools({ plan, driver: await loadDriver(policy.driver), patienceMs })
  } catch (error) {
    throw new Error(`${which}: ${messageOf(error)}`, { cause: error })
  }
}
