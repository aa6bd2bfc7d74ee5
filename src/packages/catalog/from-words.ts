import { GloveboxError } from '../../errors.ts'
import type { SandboxConfig } from '../../config/schema/sandbox.ts'
import type { CatalogServer } from './entry.ts'
import { findEntry } from './load.ts'

/**
 * The catalogue's server that `run NAME PARAMETERS` means; undefined when the first word is none of its names.
 * @throws GloveboxError USAGE when a parameter or a variable is missing
 */
export async function fromCatalog(
  words: readonly string[],
  { cwd, env, given }: { cwd: string; env: NodeJS.ProcessEnv; given: readonly string[] },
): Promise<(CatalogServer & { sandbox: SandboxConfig }) | undefined> {
  const [name, ...parameters] = words
  const entry = name === undefined ? undefined : findEntry(name)
  if (entry === undefined) return undefined
  // Most commands are none of its names, and pay for nothing but the look.
  const { fillEntry } = await import('./entry.ts')
  const named = new Set(given.map((item) => item.split('=')[0]))
  const server = fillEntry(entry, parameters, {
    cwd,
    has: (variable) => named.has(variable) || env[variable] !== undefined,
  })
  const [missing] = server.missing
  if (missing !== undefined) {
    throw new GloveboxError('USAGE', `${entry.name} needs the variable ${missing.name}: ${missing.about}`, {
      fix: `set ${missing.name} in the environment, or write --env ${missing.name}=VALUE`,
    })
  }
  const copied = Object.fromEntries(
    (entry.variables ?? []).flatMap((variable) => {
      const value = env[variable.name]
      return value === undefined ? [] : [[variable.name, value]]
    }),
  )
  const [{ readShape }, { sandboxShape }, { treeOf }] = await Promise.all([
    import('../../config/schema/shape.ts'),
    import('../../config/schema/sandbox.ts'),
    import('../../config/tree.ts'),
  ])
  const { value, problems } = readShape(sandboxShape, treeOf(server.spelled))
  if (value === undefined || problems.length > 0) throw new TypeError(`catalog/${entry.name}.json: ${problems[0]?.why}`)
  return { ...server, sandbox: value, env: { ...server.env, ...copied } }
}
