import type { Plan } from '../policy/plan.ts'

/** Variables that say who and where a user is, and nothing that a service takes for a key. */
const plain =
  /^(?:PATH|HOME|USER|LOGNAME|LANG|LC_[A-Z]+|TZ|TMPDIR|XDG_(?:CONFIG|STATE|DATA|CACHE)_HOME|XDG_RUNTIME_DIR|GLOVEBOX_(?:HOME|INSIDE|AUDIT_[A-Z_]+))$/
const proxies = /^(?:https?|all|no)_proxy$/i

/** What the daemon itself is started with. */
export function daemonEnvironment(env: NodeJS.ProcessEnv): Record<string, string> {
  return only(env, (name) => plain.test(name))
}

/**
 * What a launch needs of its client's environment: the variables that its secrets come from, proxies for the way to the
 * outside; all of it where a program gives a secret, which may want anything.
 */
export function launchEnvironment(plans: readonly Plan[], env: NodeJS.ProcessEnv): Record<string, string> {
  const sources = plans.flatMap(({ secrets }) => secrets.map(({ from }) => from))
  if (sources.some(({ kind }) => kind === 'cmd' || kind === 'keyring')) return only(env, () => true)
  const named = new Set(sources.filter(({ kind }) => kind === 'env').map(({ at }) => at))
  return only(env, (name) => plain.test(name) || proxies.test(name) || named.has(name))
}

function only(env: NodeJS.ProcessEnv, wanted: (name: string) => boolean): Record<string, string> {
  const found: Record<string, string> = {}
  for (const [name, value] of Object.entries(env)) if (value !== undefined && wanted(name)) found[name] = value
  return found
}
