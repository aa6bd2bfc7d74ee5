import { GloveboxError } from '../../errors.ts'
import { ourNode } from '../npm/nodes.ts'
import { npmTool } from '../npm/npm-tool.ts'
import { parseNpmSpec } from '../npm/spec.ts'
import { pipTool } from '../pypi/pip-tool.ts'
import { findPythons, pipDriver } from '../pypi/pythons.ts'

/**
 * A server.json may name the registry of its package, and npm or pip will take the package from where they are told on this
 * machine. The two have to be the same, or the stated one what npm or pip use by themselves: then a mirror takes its place.
 * @throws GloveboxError REFUSED when it is another
 */
export async function requireUsedHere(
  { ecosystem, identifier, base }: { ecosystem: 'npm' | 'pypi'; identifier: string; base: string },
  env: NodeJS.ProcessEnv,
): Promise<void> {
  requireOneOf(base, ecosystem === 'npm' ? await npmRegistries(identifier, env) : await pipIndexes(env))
}

/** @throws GloveboxError REFUSED when `base` is none of `used` */
export function requireOneOf(base: string, used: readonly string[]): void {
  if (used.some((url) => sameRegistry(url, base))) return
  throw new GloveboxError('REFUSED', `it comes from ${base}, which is not the usual registry`, {
    fix: 'set that registry in .npmrc or pip.conf if you trust it, and add the server by its command',
  })
}

/** An index is often written with the path of its list of packages (PEP 503), and an address with or without a last slash. */
function sameRegistry(a: string, b: string): boolean {
  const plain = (text: string): string | undefined =>
    URL.canParse(text) ? new URL(text).href.replace(/\/+$/, '').replace(/\/simple$/, '') : undefined
  return plain(a) !== undefined && plain(a) === plain(b)
}

async function npmRegistries(identifier: string, env: NodeJS.ProcessEnv): Promise<string[]> {
  const npm = npmTool({ node: ourNode().path, env, offline: true, signal: undefined })
  const [configured, usual] = await Promise.all([npm.registry(parseNpmSpec(identifier).name), npm.usualRegistry()])
  return [configured.url, usual]
}

async function pipIndexes(env: NodeJS.ProcessEnv): Promise<string[]> {
  const pip = pipTool({ driver: pipDriver(await findPythons(env)), env, signal: undefined })
  return Promise.all([pip.index(), pip.usualIndex()])
}
