import { isDeepStrictEqual } from 'node:util'

/**
 * Of a package.json: what says nothing to a tool that acts by itself. All else is compared, also what is not known here: tools of hooks,
 * editors and package managers have keys of their own there. Dependencies too, because installing runs the scripts of what they name.
 */
const inert: ReadonlySet<string> = new Set([
  'name',
  'version',
  'description',
  'keywords',
  'homepage',
  'bugs',
  'license',
  'licenses',
  'author',
  'contributors',
  'maintainers',
  'funding',
  'repository',
  'private',
  'main',
  'module',
  'browser',
  'type',
  'types',
  'typings',
  'typesVersions',
  'exports',
  'imports',
  'files',
  'sideEffects',
  'engines',
  'os',
  'cpu',
  'libc',
])

/** Scripts that an installer runs without being asked for them (npm's "Life Cycle Operation Order", and pnpm's). */
const unasked = [
  'preinstall',
  'install',
  'postinstall',
  'preprepare',
  'prepare',
  'postprepare',
  'prepublish',
  'dependencies',
  'preuninstall',
  'uninstall',
  'postuninstall',
  'pnpm:devPreinstall',
]

/** Whether tools act by themselves on both in the same way. A text that is no package.json is never the same. */
export function actsTheSame(before: string, after: string): boolean {
  const [was, is] = [actedOn(before), actedOn(after)]
  return was !== undefined && is !== undefined && isDeepStrictEqual(was, is)
}

function actedOn(text: string): object | undefined {
  const about = parsed(text)
  if (about === undefined) return undefined
  const { scripts, ...rest } = about
  return {
    scripts: runUnasked(scripts),
    rest: Object.entries(rest)
      .filter(([key]) => !inert.has(key))
      .toSorted(byKey),
  }
}

/** A script that runs unasked may run any other one: all of them count then. */
function runUnasked(scripts: unknown): unknown {
  if (typeof scripts !== 'object' || scripts === null) return scripts ?? null
  return unasked.some((name) => Object.hasOwn(scripts, name)) ? scripts : null
}

function byKey([a]: readonly [string, unknown], [b]: readonly [string, unknown]): number {
  return a < b ? -1 : 1
}

function parsed(text: string): Readonly<Record<string, unknown>> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value) ? { ...value } : undefined
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}
