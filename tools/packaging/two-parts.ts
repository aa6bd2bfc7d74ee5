import { build, type BuildOptions, type Metafile, type Plugin } from 'esbuild'
import { readFileSync } from 'node:fs'
import path from 'node:path'

export interface TwoParts {
  /** The directory that modules are named below. */
  readonly root: string
  readonly entry: string
  /** What every start imports when it gets there. */
  readonly always: readonly string[]
  /** Where the part that every start reads goes, and where the rest. */
  readonly files: { readonly start: string; readonly more: string }
  /** For both. */
  readonly options: BuildOptions & { readonly plugins: readonly Plugin[] }
}

/**
 * A bundle in two files: what is in memory all the time, and read by each start, is in the first; what only some policies need,
 * a virtual machine or a network, in the second. A module of ours is in one of them, so that there is one of each class. Each asks
 * the other for a module as `require('start:NAME')` or `require('more:NAME')`, and exports its own as `modules`, by name,
 * evaluated when they are asked for (`loadParts` of bin/compiled.cjs brings them together).
 */
export async function buildInTwoParts({ root, entry, always, files, options }: TwoParts): Promise<void> {
  const nameOf = (directory: string, wanted: string): string => path.relative(root, path.resolve(directory, wanted))
  const own = (decide: (name: string, isLazy: boolean) => string | undefined): Plugin => ({
    name: 'two-parts',
    setup: (building) =>
      building.onResolve({ filter: /^\.\.?\// }, ({ resolveDir, path: wanted, kind }) => {
        const elsewhere = decide(nameOf(resolveDir, wanted), kind === 'dynamic-import')
        return elsewhere === undefined ? undefined : { path: elsewhere, external: true }
      }),
  })
  const part = async (file: string, text: string, plugin: Plugin): Promise<void> => {
    const stdin = { contents: text, resolveDir: root, sourcefile: `${path.basename(file)}.ts`, loader: 'ts' } as const
    await build({ ...options, stdin, outfile: file, plugins: [...options.plugins, plugin] })
    requireAscii(file)
  }

  const whole = await build({
    ...options,
    absWorkingDir: root,
    entryPoints: [path.join(root, entry)],
    outfile: files.start,
    plugins: [...options.plugins],
    // Only who imports whom is wanted of it.
    sourcemap: false,
    write: false,
    metafile: true,
  })
  const { start, later } = divided(whole.metafile, [entry, ...always])
  const shared = new Set<string>()
  const toStart = own((name) => {
    if (!start.has(name)) return undefined
    shared.add(name)
    return `start:${name}`
  })
  await part(files.more, modulesOf(later), toStart)
  const toMore = own((name, isLazy) => (isLazy && later.has(name) ? `more:${name}` : undefined))
  await part(files.start, `export { main } from './${entry}'\n${modulesOf(shared)}`, toMore)
}

/** The modules that these need as soon as they are loaded, and of the others those that they import when they want them. */
export function divided(
  { inputs }: Pick<Metafile, 'inputs'>,
  roots: readonly string[],
): { start: ReadonlySet<string>; later: ReadonlySet<string> } {
  const start = new Set(roots)
  const lazy = new Set<string>()
  // A set is walked to what is added meanwhile, too.
  for (const name of start) {
    const input = inputs[name]
    if (input === undefined) throw new Error(`no module is named ${name}: it was renamed, or nothing imports it`)
    for (const { path: imported, kind, external } of input.imports) {
      if (external === true || !isOwn(imported)) continue
      if (kind === 'dynamic-import') lazy.add(imported)
      else start.add(imported)
    }
  }
  return { start, later: lazy.difference(start) }
}

/** A start reads these files as ASCII (bin/compiled.cjs). esbuild escapes what is not, but for regular expressions and tagged templates. */
function requireAscii(file: string): void {
  const [found] = /.{0,30}[^\0-\x7f].{0,30}/u.exec(readFileSync(file, 'utf8')) ?? []
  if (found !== undefined) throw new Error(`${file} is to be ASCII: write \\u escapes in "${found}"`)
}

/** A package may be in both parts: none has a state or a class that both know. */
function isOwn(name: string): boolean {
  return !name.startsWith('node_modules/')
}

function modulesOf(names: ReadonlySet<string>): string {
  const lines = [...names].toSorted().map((name) => `  '${name}': () => require('./${name}'),\n`)
  return `export const modules = {\n${lines.join('')}}\n`
}
