import { existsSync, mkdirSync } from 'node:fs'
import { join } from 'node:path'
import { GloveboxError } from '../../../errors.ts'
import { holding } from '../../../system/mutex.ts'
import { runTool } from '../../../system/run-tool.ts'
import { writeWhole } from '../../../system/write-whole.ts'
import type { Architecture } from '../architecture.ts'
import { reachability } from './apt.ts'
import { debianName } from './debootstrap.ts'
import type { Recipe } from './recipe.ts'
import type { Image, ImagePackage } from './record.ts'
import { stageImage, type ImageStore } from './store.ts'
import { toolPath } from './tools.ts'

/** A package of an image, and the version that its archive has now. */
export interface NewerPackage {
  readonly name: string
  readonly from: string
  readonly to: string
}

/**
 * What a rebuild would bring: asks the archive that the image was made from, by this user's apt in directories of our own.
 * @throws GloveboxError FAILED where the archive does not answer
 */
export async function newerPackages(
  { record }: Image,
  recipe: Recipe,
  { store, env, signal }: { store: ImageStore; env: NodeJS.ProcessEnv; signal?: AbortSignal | undefined },
): Promise<NewerPackage[]> {
  const { kernelPackage } = record
  if (!existsSync(join(store.downloads, 'sources.list'))) return []
  const meta = recipe.kernel[record.architecture]
  return holding(store.mutexes, 'build', { signal }, async () => {
    await using staged = stageImage(store)
    const apt = await aptFor(staged.directory, record.architecture, { store, env, signal })
    await apt('apt-get', ['update', '-q'])
    const shown = await apt('apt-cache', [
      '--no-all-versions',
      'show',
      meta,
      ...record.packages.map(({ name }) => name),
    ])
    const now = stanzas(shown)
    const kernel = kernelIn(now.get(meta)?.get('Depends') ?? '')
    const before =
      kernelPackage === null
        ? []
        : [{ ...kernelPackage, now: kernel?.name === kernelPackage.name ? kernel.version : kernel?.name }]
    return [
      ...before,
      ...record.packages.map((each) => ({ ...each, now: now.get(each.name)?.get('Version') })),
    ].flatMap(({ name, version, now: to }) => (to === undefined || to === version ? [] : [{ name, from: version, to }]))
  })
}

type Apt = (file: string, args: readonly string[]) => Promise<string>

async function aptFor(
  directory: string,
  architecture: Architecture,
  { store, env, signal }: { store: ImageStore; env: NodeJS.ProcessEnv; signal?: AbortSignal | undefined },
): Promise<Apt> {
  const config = join(directory, 'apt.conf')
  mkdirSync(join(directory, 'state'), { mode: 0o700 })
  const settings = {
    'APT::Architecture': debianName(architecture),
    'APT::Sandbox::User': 'root',
    'Dir::Etc::SourceList': join(store.downloads, 'sources.list'),
    'Dir::Etc::SourceParts': '/dev/null',
    'Dir::Etc::Preferences': '/dev/null',
    'Dir::Etc::PreferencesParts': '/dev/null',
    'Dir::State': join(directory, 'state'),
    'Dir::State::Status': '/dev/null',
    'Dir::State::Lists': join(store.downloads, 'lists'),
    'Dir::Cache': directory,
  }
  const lines = Object.entries(settings).map(([key, value]) => `${key} "${value}";`)
  writeWhole(config, [...lines, 'APT::Architectures { };', ...(await reachability(env)), ''].join('\n'))
  return async (file, args) => {
    const run = await runTool({
      file,
      args,
      cwd: '/',
      env: { PATH: toolPath(env), APT_CONFIG: config, LC_ALL: 'C.UTF-8' },
      signal,
    })
    // apt-get says in words and not by its exit code that it reached nobody and goes on with what it knew.
    if (run.code === 0 && !/^(W|E): (Failed to fetch|Some index files failed)/m.test(run.stderr)) return run.stdout
    throw new GloveboxError(
      'FAILED',
      `the archive of the image’s packages does not answer: ${run.stderr.trim().split('\n').at(-1) ?? ''}`,
      {
        fix: 'see that apt-get update works here, then type the same again',
      },
    )
  }
}

/** Stanzas of `apt-cache show`, by package; of several of one name the first, which is the candidate. */
function stanzas(text: string): Map<string, Map<string, string>> {
  const found = new Map<string, Map<string, string>>()
  for (const stanza of text.split(/\n\n+/)) {
    const fields = new Map(
      stanza.split('\n').map((line) => [line.slice(0, line.indexOf(':')), line.slice(line.indexOf(':') + 2)] as const),
    )
    const name = fields.get('Package')
    if (name !== undefined && !found.has(name)) found.set(name, fields)
  }
  return found
}

/** `linux-image-6.1.0-56-cloud-amd64 (= 6.1.192-2)` */
function kernelIn(depends: string): ImagePackage | undefined {
  const [, name, version] = /(?:^|, )(linux-image-\S+) \(= ([^)]+)\)/.exec(depends) ?? []
  return name === undefined || version === undefined ? undefined : { name, version }
}
