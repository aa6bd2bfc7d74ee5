import { existsSync, mkdirSync, renameSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { GloveboxError } from '../../../errors.ts'
import { holding } from '../../../system/mutex.ts'
import { writeWhole } from '../../../system/write-whole.ts'
import { ownArchitecture } from '../architecture.ts'
import { asOneId, requireApart } from './apart.ts'
import { fileDigest, imageDigest } from './digest.ts'
import { damagedFiles } from './images.ts'
import { packErofs } from './erofs.ts'
import { takeKernel } from './kernel.ts'
import type { Progress } from './progress.ts'
import { programsIn } from './programs.ts'
import type { Recipe } from './recipe.ts'
import { imageFiles, readImage, type Image, type ImageRecord } from './record.ts'
import { makeRootTree } from './debootstrap.ts'
import { stageImage, type ImageStore } from './store.ts'
import { requireTools, toolsOf } from './tools.ts'

export interface BuildOptions {
  readonly store: ImageStore
  readonly env: NodeJS.ProcessEnv
  /** The Node to put in: the one that runs Glovebox. */
  readonly node: string
  readonly progress: Progress
  readonly signal?: AbortSignal | undefined
}

/**
 * Makes an image by a recipe. Two builds at once take turns. What is there when it is interrupted, at any moment, is what was
 * there before.
 * @throws GloveboxError HOST_CANNOT where a tool is missing, FAILED with what a tool said
 */
export async function buildImage(recipe: Recipe, options: BuildOptions): Promise<Image> {
  const { store, env, node, progress, signal } = options
  signal?.throwIfAborted()
  requireTools(toolsOf.recipe, env)
  await requireApart(env, signal)
  const architecture = ownArchitecture()
  return takingTurns(options, async (staged) => {
    const tree = await makeRootTree({
      recipe,
      architecture,
      directory: staged,
      downloads: store.downloads,
      node,
      env,
      progress,
      signal,
    })
    const image = join(staged, 'image')
    mkdirSync(image, { mode: 0o700 })
    const kernelVersion = takeKernel(tree.kernel, image)
    progress({ step: 'packing', share: 0.85 })
    await packErofs(tree.root, join(image, imageFiles.root), {
      times: 'fixed',
      env,
      by: asOneId,
      signal,
    })
    progress({ step: 'checking', share: 0.95 })
    return publishImage(store, image, {
      source: { kind: 'recipe', name: recipe.name, sha256: recipe.sha256 },
      architecture,
      kernelVersion,
      kernelPackage: tree.kernelPackage,
      packages: tree.packages,
      node: { version: tree.nodeVersion, ...(await fileDigest(node, signal)) },
      programs: programsIn(tree.root),
    })
  })
}

/** One build at a time, in a directory that is gone afterwards. */
export async function takingTurns<T>(
  { store, progress, signal }: Pick<BuildOptions, 'store' | 'progress' | 'signal'>,
  work: (directory: string) => Promise<T>,
): Promise<T> {
  const onWait = (): void => progress({ step: 'waiting for another build', share: 0 })
  return holding(store.mutexes, 'build', { signal, onWait }, async () => {
    await using staged = stageImage(store)
    // Awaited here: the directory goes when this block ends.
    return await work(staged.directory)
  })
}

/** Names a finished image by what is in it, and puts it into the store by one rename; the same one is left as it is. */
export async function publishImage(
  store: ImageStore,
  image: string,
  facts: Omit<ImageRecord, 'schema' | 'digest' | 'files' | 'builtAt'>,
  /** What is told of the very same image stays: it is another one's, who asks for it by that. */
  { keepRecord = false }: { readonly keepRecord?: boolean } = {},
): Promise<Image> {
  const files = {
    kernel: await fileDigest(join(image, imageFiles.kernel)),
    modules: await fileDigest(join(image, imageFiles.modules)),
    root: await fileDigest(join(image, imageFiles.root)),
  }
  const digest = imageDigest({ architecture: facts.architecture, files })
  const record: ImageRecord = { schema: 'glovebox/image/1', digest, ...facts, files, builtAt: new Date().toISOString() }
  const text = `${JSON.stringify(record, undefined, 2)}\n`
  const target = join(store.root, digest)
  const there = readImage(store, digest)
  if (there !== undefined && (await damagedFiles(there)).length === 0) {
    // The same bytes, made again: only what is told of them may be newer.
    if (!keepRecord) writeWhole(join(target, 'image.json'), text)
    rmSync(image, { recursive: true })
  } else {
    writeWhole(join(image, 'image.json'), text)
    // One that somebody wrote to goes with our own directory.
    if (existsSync(target)) renameSync(target, `${image}-damaged`)
    renameSync(image, target)
  }
  const published = readImage(store, digest)
  if (published === undefined) throw new GloveboxError('INTERNAL', `the image ${digest} is not there after it was made`)
  return published
}
