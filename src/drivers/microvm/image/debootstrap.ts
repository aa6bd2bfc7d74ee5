import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { GloveboxError } from '../../../errors.ts'
import { makeDirectory } from '../../../system/make-directory.ts'
import { runTool } from '../../../system/run-tool.ts'
import type { Architecture } from '../architecture.ts'
import { asOneId } from './apart.ts'
import { aptFiles } from './apt.ts'
import { fixedTime } from './erofs.ts'
import type { Progress, Step } from './progress.ts'
import { recipesDirectory, type Recipe } from './recipe.ts'
import type { ImagePackage } from './record.ts'
import { toolPath } from './tools.ts'

export interface RootOptions {
  readonly recipe: Recipe
  readonly architecture: Architecture
  /** An empty directory; the tree and all else is below it. */
  readonly directory: string
  readonly downloads: string
  readonly node: string
  readonly env: NodeJS.ProcessEnv
  readonly progress: Progress
  readonly signal: AbortSignal | undefined
}

export interface UnpackedKernel {
  /** The kernel's package, unpacked. */
  readonly kernel: string
  readonly kernelPackage: ImagePackage
}

export interface RootTree extends UnpackedKernel {
  readonly root: string
  readonly packages: readonly ImagePackage[]
  readonly nodeVersion: string
}

/**
 * The recipe carried out: a root filesystem of Debian's packages, and the kernel beside it.
 * @throws GloveboxError FAILED with mmdebstrap's last words
 */
export async function makeRootTree(options: RootOptions): Promise<RootTree> {
  const { recipe, directory } = options
  await debootstrap(options, {
    words: [
      '--variant=minbase',
      `--include=${recipe.packages.join(',')}`,
      ...unwanted.map((pattern) => `--dpkgopt=path-exclude=${pattern}`),
      ...wanted.map((pattern) => `--dpkgopt=path-include=${pattern}`),
    ],
    hooks: ['kernel.sh', 'customize.sh'],
  })
  return {
    ...unpackedKernel(directory),
    root: join(directory, 'root'),
    packages: packagesIn(readFileSync(join(directory, 'packages'), 'utf8')),
    nodeVersion: readFileSync(join(directory, 'node'), 'utf8').trim(),
  }
}

/** The kernel alone, for a root filesystem that comes from elsewhere. */
export async function fetchKernel(options: RootOptions): Promise<UnpackedKernel> {
  await debootstrap(options, { words: ['--variant=custom'], hooks: ['kernel.sh'] })
  return unpackedKernel(options.directory)
}

async function debootstrap(
  { recipe, architecture, directory, downloads, node, env, progress, signal }: RootOptions,
  { words, hooks }: { words: readonly string[]; hooks: readonly string[] },
): Promise<void> {
  const scripts = recipesDirectory()
  for (const each of ['archives/partial', 'lists/partial']) makeDirectory(join(downloads, each))
  const apt = await aptFiles(directory, recipe.suite, env)
  const [file, ...args] = asOneId([
    'mmdebstrap',
    '--mode=root',
    '--format=directory',
    `--architectures=${debianName(architecture)}`,
    // The downloads are outside, and are kept; devices are ours (setup.sh), and nothing needs /sys.
    '--skip=download/empty,essential/unlink,cleanup/apt,chroot/mount/dev,chroot/mount/sys',
    `--aptopt=${apt.options}`,
    '--dpkgopt=force-unsafe-io',
    ...words,
    // Each is handed to a shell as it is: the directory comes in by the environment.
    '--setup-hook=sh "$GLOVEBOX_SCRIPTS/setup.sh" "$1"',
    ...hooks.map((hook) => `--customize-hook=sh "$GLOVEBOX_SCRIPTS/${hook}" "$1"`),
    recipe.suite,
    join(directory, 'root'),
    ...(apt.sources === undefined ? [] : [apt.sources]),
  ])
  const own = {
    PATH: toolPath(env),
    TMPDIR: directory,
    LC_ALL: 'C.UTF-8',
    SOURCE_DATE_EPOCH: String(fixedTime),
    GLOVEBOX_SCRIPTS: scripts,
    GLOVEBOX_DOWNLOADS: downloads,
    GLOVEBOX_OUT: directory,
    GLOVEBOX_KERNEL: recipe.kernel[architecture],
    GLOVEBOX_NODE: node,
  }
  const onLine = (line: string): void => {
    const step = stepOf(line)
    if (step !== undefined) progress(step)
  }
  const run = await runTool({ file, args, cwd: directory, env: { ...forwarded(env), ...own }, signal, onLine })
  if (run.code !== 0) throw failure(run.stderr)
}

export function debianName(architecture: Architecture): string {
  return architecture === 'x64' ? 'amd64' : 'arm64'
}

/** Nobody reads manuals in a guest; licences stay. */
const unwanted = ['man', 'info', 'locale', 'doc', 'gitweb'].map((name) => `/usr/share/${name}/*`)
const wanted = ['/usr/share/doc/*/copyright']

/** What apt itself looks at when it reaches for an archive. */
function forwarded(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  const names = ['http_proxy', 'https_proxy', 'ftp_proxy', 'all_proxy', 'no_proxy']
  const both = names.flatMap((name) => [name, name.toUpperCase()])
  return Object.fromEntries(both.flatMap((name) => (env[name] === undefined ? [] : [[name, env[name]]])))
}

/** mmdebstrap's steps, in words of ours. */
const steps: readonly (readonly [RegExp, string, number])[] = [
  [/^I: running apt-get update/, 'reading what packages there are', 0.03],
  [/^I: downloading packages/, 'downloading packages', 0.1],
  [/^I: extracting archives/, 'unpacking packages', 0.2],
  [/^I: installing essential/, 'installing packages', 0.4],
  [/^I: installing remaining/, 'installing packages', 0.55],
  [/^I: running --customize-hook .*kernel\.sh/, 'fetching the kernel', 0.8],
  [/^I: running --customize-hook .*customize\.sh/, 'Node and Python', 0.85],
]

function stepOf(line: string): Step | undefined {
  const found = steps.find(([pattern]) => pattern.test(line))
  return found === undefined ? undefined : { step: found[1], share: found[2] }
}

const unreachable = /Could not resolve|Failed to fetch|Unable to connect|Could not connect|Temporary failure/

function failure(stderr: string): GloveboxError {
  const told = stderr.split('\n').filter((line) => /^(E|Err|dpkg: error)[: ]|No space left/.test(line))
  const said = told.length === 0 ? stderr.trim().slice(-500) : [...new Set(told)].slice(0, 4).join('; ')
  return new GloveboxError('FAILED', `mmdebstrap: ${withoutCredentials(said)}`, {
    fix: unreachable.test(stderr)
      ? 'see that apt-get update works here, then type the same again: what was downloaded is kept'
      : 'type the same again: what was downloaded is kept',
  })
}

/** apt names archives as they are configured. */
function withoutCredentials(text: string): string {
  return text.replaceAll(/:\/\/[^/@\s]+@/g, '://')
}

function unpackedKernel(directory: string): UnpackedKernel {
  const control = readFileSync(join(directory, 'kernel.control'), 'utf8')
  const of = (field: string): string => new RegExp(`^${field}: (.*)$`, 'm').exec(control)?.[1] ?? ''
  return { kernel: join(directory, 'kernel'), kernelPackage: { name: of('Package'), version: of('Version') } }
}

/** Lines of dpkg-query: name, version, architecture. */
function packagesIn(text: string): ImagePackage[] {
  const lines = text.split('\n').filter((line) => line !== '')
  return lines
    .map((line) => line.split('\t'))
    .map(([name = '', version = '']) => ({ name, version }))
    .toSorted((a, b) => (a.name < b.name ? -1 : 1))
}
