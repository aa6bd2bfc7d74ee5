import { existsSync, realpathSync } from 'node:fs'
import { homedir } from 'node:os'
import { delimiter, isAbsolute, join } from 'node:path'
import { GloveboxError } from '../../errors.ts'
import { runTool } from '../../system/run-tool.ts'
import { libcOf } from '../elf.ts'
import { stampOf, type Interpreter } from '../interpreter.ts'
import type { Root } from '../resolution.ts'
import { namesIn } from '../store/staging.ts'
import type { Store } from '../store/store.ts'

/**
 * The Node for these packages: the one that runs us when their `engines` allow it, else the newest that is there and fits.
 * Never an older version of a package instead.
 * @throws GloveboxError HOST_CANNOT naming what is needed, what is there, and how to get the other
 */
export async function chooseNode(store: Store, roots: readonly Root[], env: NodeJS.ProcessEnv): Promise<Interpreter> {
  const { satisfies } = await import('semver').then(({ default: semver }) => semver)
  const fits = (version: string): boolean =>
    roots.every(({ requires }) => requires === '' || satisfies(version, requires))
  if (fits(process.versions.node)) return ourNode()
  const others = await otherNodes(store, env)
  const found = others
    .filter(({ version }) => fits(version))
    .toSorted((a, b) => Number(b.version.split('.')[0]) - Number(a.version.split('.')[0]))[0]
  if (found !== undefined) return found
  const strict = roots.find(({ requires }) => requires !== '' && !satisfies(process.versions.node, requires))
  const there = [process.versions.node, ...others.map(({ version }) => version)].join(', ')
  const wanted = strict?.requires ?? ''
  throw new GloveboxError(
    'HOST_CANNOT',
    `${strict?.name} ${strict?.version} needs Node ${wanted}; there is ${there}. An older version of it was not taken instead`,
    {
      fix: `glovebox package install -- npx node-${process.platform}-${process.arch}@${/\d+/.exec(wanted)?.[0] ?? 'latest'} brings such a Node; or name an older version of the package`,
    },
  )
}

export function ourNode(): Interpreter {
  return {
    path: process.execPath,
    version: process.versions.node,
    abi: abiOf(process.versions.modules, process.execPath),
    stamp: stampOf(process.execPath),
  }
}

function abiOf(modules: string, path: string): string {
  return `node-${modules}-${process.platform}-${process.arch}-${libcOf(path)}`
}

/** In PATH, where nvm puts them, and those that were installed as packages. */
async function otherNodes(store: Store, env: NodeJS.ProcessEnv): Promise<Interpreter[]> {
  const nvm = join(env['NVM_DIR'] ?? join(homedir(), '.nvm'), 'versions', 'node')
  const own = namesIn(store.packages).filter((name) => name.startsWith(`node-${process.platform}-${process.arch}-`))
  const candidates = [
    ...(env['PATH'] ?? '').split(delimiter).filter((directory) => isAbsolute(directory)),
    ...namesIn(nvm).map((version) => join(nvm, version, 'bin')),
    ...own.map((key) =>
      join(store.packages, key, 'tree', 'node_modules', `node-${process.platform}-${process.arch}`, 'bin'),
    ),
  ].map((directory) => join(directory, 'node'))
  const real = new Set(candidates.filter((path) => existsSync(path)).map((path) => realpathSync.native(path)))
  real.delete(realpathSync.native(process.execPath))
  const found = await Promise.all([...real].map(async (path) => examine(path, env)))
  return found.filter((node) => node !== undefined)
}

/** Asks a Node what it is; one that does not answer is none. */
async function examine(path: string, env: NodeJS.ProcessEnv): Promise<Interpreter | undefined> {
  const args = ['-p', '[process.versions.node, process.versions.modules, process.arch].join(" ")']
  const { stdout, code } = await runTool({ file: path, args, cwd: '/', env: { PATH: env['PATH'] } }).catch(() => ({
    stdout: '',
    code: 1,
  }))
  const [version, modules, arch] = stdout.trim().split(' ')
  if (code !== 0 || version === undefined || modules === undefined || arch !== process.arch) return undefined
  return { path, version, abi: abiOf(modules, path), stamp: stampOf(path) }
}
