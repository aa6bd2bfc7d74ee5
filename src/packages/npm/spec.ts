import { GloveboxError } from '../../errors.ts'

export interface NpmSpec {
  readonly name: string
  /** A version, a range or a tag; empty when the command says none. */
  readonly range: string
}

/** Old packages have upper case; what starts with a dash would be an option to npm. */
const namePattern = /^(?:@[a-z0-9~][a-z0-9._~-]*\/)?[a-z0-9~][a-z0-9._~-]*$/i

/**
 * `name`, `name@range` or `name@tag` from a registry.
 * @throws GloveboxError USAGE for what npm would take from elsewhere: a directory, a file, git, a URL, an alias
 */
export function parseNpmSpec(text: string): NpmSpec {
  const at = text.indexOf('@', 1)
  const [name, range] = at < 0 ? [text, ''] : [text.slice(0, at), text.slice(at + 1).trim()]
  const isRegistry = namePattern.test(name) && name.length <= 214 && /^(?!-)[^:/\\\0\n]*$/.test(range)
  if (isRegistry && !/\.(tgz|tar|tar\.gz)$/i.test(text)) return { name, range }
  throw new GloveboxError('USAGE', `"${text}" is not a package of a registry, with a version, range or tag`, {
    fix: 'publish it to a registry, or install it yourself and start its script with node',
  })
}
