import { mkdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { GloveboxError } from '../../../errors.ts'
import { runTool } from '../../../system/run-tool.ts'
import { asOneId } from './apart.ts'
import { aptFiles } from './apt.ts'
import { fixedTime } from './erofs.ts'
import type { Progress } from './progress.ts'
import { recipesDirectory, type Recipe } from './recipe.ts'
import type { ImagePackage } from './record.ts'
import { toolPath } from './tools.ts'

export interface RootTree {
  readonly root: string
  /** The kernel's package, unpacked. */
  readonly kernel: string
  readonly packages: readonly ImagePackage[]
  readonly nodeVersion: string
}

export interface RootOptions {
  readonly recipe: Recipe
  readonly architecture: 'x64' | 'arm64'
  /** An empty directory; the tree and all else is below it. */
  readonly directory: string
  readonly downloads: string
  readonly node: string
  readonly env: NodeJS.ProcessEnv
  readonly progress: Progress
  readonly signal: AbortSignal | undefined
}

/**
 * The recipe carried out: a root filesystem of Debian's packages, and the kernel beside it.
 * @throws GloveboxError FAILED with mmdebstrap's last words
 */
export async function makeRootTree(options: RootOptions): Promise<RootTree> {
  const { recipe, architecture, directory, downloads, env, progress, signal } = options
  const [root, scripts] = [join(directory, 'root'), recipesDirectory()]
  for (const each of ['archives/partial', 'lists/partial'])
    mkdirSync(join(downloads, each), { recursive: true, mode: 0o700 })
  const apt = await aptFiles(directory, recipe.suite, env)
  const [file, ...args] = asOneId([
    'mmdebstrap',
    '--mode=root',
    '--variant=minbase',
    '--format=directory',
    `--architectures=${architecture === 'x64' ? 'amd64' : 'arm64'}`,
    `--include=${recipe.packages.join(',')}`,
    // The downloads are outside, and are kept; devices are ours (setup.sh), and nothing needs /sys.
    '--skip=download/empty,essential/unlink,cleanup/apt,chroot/mount/dev,chroot/mount/sys',
    `--aptopt=${apt.options}`,
    '--dpkgopt=force-unsafe-io',
    ...unwanted.map((pattern) => `--dpkgopt=path-exclude=${pattern}`),
    ...wanted.map((pattern) => `--dpkgopt=path-include=${pattern}`),
    `--setup-hook=sh '${scripts}/setup.sh' "$1"`,
    `--customize-hook=sh '${scripts}/customize.sh' "$1"`,
    recipe.suite,
    root,
    ...(apt.sources === undefined ? [] : [apt.sources]),
  ])
  const run = await runTool({
    file,
    args,
    cwd: directory,
    env: {
      ...forwarded(env),
      PATH: toolPath(env),
      TMPDIR: directory,
      SOURCE_DATE_EPOCH: String(fixedTime),
      GLOVEBOX_DOWNLOADS: downloads,
      GLOVEBOX_OUT: directory,
      GLOVEBOX_KERNEL: recipe.kernel[architecture],
      GLOVEBOX_NODE: options.node,
    },
    signal,
    onLine: (line) => told(line, progress),
  })
  if (run.code !== 0) throw failure(run.stderr)
  for (const name of ['sources.list', 'apt.conf']) rmSync(join(directory, name), { force: true })
  return {
    root,
    kernel: join(directory, 'kernel'),
    packages: packagesIn(readFileSync(join(directory, 'packages'), 'utf8')),
    nodeVersion: readFileSync(join(directory, 'node'), 'utf8').trim(),
  }
}

/** Nobody reads manuals in a guest; licences stay. */
const unwanted = [
  '/usr/share/man/*',
  '/usr/share/info/*',
  '/usr/share/locale/*',
  '/usr/share/doc/*',
  '/usr/share/gitweb/*',
]
const wanted = ['/usr/share/doc/*/copyright']

/** What apt itself looks at when it reaches for an archive. */
function forwarded(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const names = ['http_proxy', 'https_proxy', 'ftp_proxy', 'all_proxy', 'no_proxy'].flatMap((name) => [
    name,
    name.toUpperCase(),
  ])
  return Object.fromEntries(names.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]]])))
}

/** mmdebstrap's steps in words of ours; its own go on after a failure only. */
const steps: readonly (readonly [RegExp, string, number])[] = [
  [/running apt-get update/, 'reading what packages there are', 0.03],
  [/downloading packages/, 'downloading packages', 0.1],
  [/extracting archives/, 'unpacking packages', 0.25],
  [/installing essential/, 'installing packages', 0.35],
  [/installing remaining/, 'installing packages', 0.5],
  [/customize-hook/, 'kernel, Node and Python', 0.75],
]

function told(line: string, progress: Progress): void {
  const found = steps.find(([pattern]) => pattern.test(line))
  if (found !== undefined) progress({ step: found[1], share: found[2] })
}

function failure(stderr: string): GloveboxError {
  const lines = stderr
    .split('\n')
    .filter((line) => /^(E|Err|dpkg: error|mmdebstrap: error)[: ]|cannot|failed|No space/i.test(line))
  const said = lines.slice(-4).join('; ')
  const isNetwork = /Could not resolve|Failed to fetch|Unable to connect|Could not connect/.test(stderr)
  return new GloveboxError('FAILED', `mmdebstrap: ${said === '' ? stderr.trim().slice(-500) : said}`, {
    fix: isNetwork
      ? 'check that this host reaches its package archive (apt-get update), then type the same again: what was downloaded is kept'
      : 'type the same again: what was downloaded is kept',
  })
}

function packagesIn(text: string): ImagePackage[] {
  return text
    .split('\n')
    .filter((line) => line !== '')
    .map((line) => line.split('\t'))
    .map(([name = '', version = '']) => ({ name, version }))
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
}
