import { statSync } from 'node:fs'
import { GloveboxError, messageOf } from '../../../errors.ts'
import type { OwnMachine } from '../../../policy/plan.ts'
import type { Memo } from '../memo.ts'
import type { BuildOptions } from './build.ts'
import { currentImage, findImage, whyStale } from './images.ts'
import { defaultRecipe, readRecipe, type Recipe } from './recipe.ts'
import { holding } from '../../../system/mutex.ts'
import type { Image } from './record.ts'
import type { ImageStore } from './store.ts'

export interface EnsureOptions extends BuildOptions {
  readonly recipe: string
  /** A digest, or the beginning of one, or what an image was called: that one, whatever the recipe. */
  readonly image?: string | undefined
  /** Somebody can wait for it. */
  readonly mayBuild: boolean
  /** A sentence that the user should read, and that stops nothing. */
  readonly notice: (text: string) => void
}

/**
 * The image to start from: built on first use, and anew when its recipe or Node is another one by now.
 * @throws GloveboxError HOST_CANNOT where there is none and nobody waits for one
 */
export async function ensureImage(options: EnsureOptions): Promise<Image> {
  if (options.image !== undefined) return namedImage(options.store, options.image)
  const current = currentImage(options.store, options.recipe)
  // Two first starts at once: the second one finds what the first one has built.
  if (current === undefined && options.mayBuild) {
    return holding(options.store.mutexes, 'first', options, async () =>
      upToDate(currentImage(options.store, options.recipe), options),
    )
  }
  return upToDate(current, options)
}

/** The newest one of that name. */
function namedImage(store: ImageStore, name: string): Image {
  const [found] = findImage(store, name)
  if (found === undefined) {
    throw new GloveboxError('USAGE', `there is no image "${name}"`, { fix: 'glovebox image list shows those that are' })
  }
  const { architecture } = found.record
  if (architecture === process.arch) return found
  throw new GloveboxError(
    'HOST_CANNOT',
    `the image "${name}" is for ${architecture}, and this machine is ${process.arch}`,
    {
      fix: 'glovebox image build makes one for this machine',
    },
  )
}

async function upToDate(current: Image | undefined, options: EnsureOptions): Promise<Image> {
  const { recipe: name, mayBuild, notice } = options
  const recipe = readRecipe(name)
  if (current === undefined) {
    if (mayBuild) return build(recipe, options)
    throw new GloveboxError('HOST_CANNOT', 'there is no image yet to start a virtual machine from', {
      fix: 'glovebox image build',
    })
  }
  const stale = whyStale(current, recipe, { version: process.version, bytes: statSync(options.node).size })
  if (stale === undefined) return current
  if (!mayBuild) {
    const which = `${current.record.digest.slice(0, 12)} (${recipe.name} ${recipe.sha256.slice(0, 8)})`
    notice(`the image ${which} is used as it is, although ${stale}: glovebox image update`)
    return current
  }
  try {
    return await build(recipe, options)
  } catch (error) {
    options.signal?.throwIfAborted()
    // It was good enough yesterday, and a sandbox from it is no weaker.
    notice(`the image is used as it is, although ${stale}; building it anew failed: ${messageOf(error)}`)
    return current
  }
}

/** A start that has its image loads nothing of what would build one. */
async function build(recipe: Recipe, options: BuildOptions): Promise<Image> {
  const { buildImage } = await import('./build.ts')
  return buildImage(recipe, options)
}

/** Whether an image that is missing or stale is built. `watched`: where somebody sees the progress and waits for it, on a terminal. */
export type MayBuild = 'never' | 'watched' | 'always'

export interface ImageForStart {
  readonly mayBuild: MayBuild
  /** Parts that the configuration names. */
  readonly machine?: OwnMachine | undefined
  readonly memo: Memo
  readonly signal: AbortSignal
}

/**
 * The image that a sandbox starts from, as `ensureImage`, or that of the configuration's own parts, with the progress of a build on a terminal's stderr.
 * @throws GloveboxError HOST_CANNOT where there is none, and no terminal either
 */
export async function imageForStart(
  store: ImageStore,
  env: NodeJS.ProcessEnv,
  { mayBuild, machine, memo, signal }: ImageForStart,
): Promise<Image> {
  const { stepsOf } = await import('../../../ui/progress.ts')
  const steps = stepsOf('image', process.stderr)
  const notices: string[] = []
  try {
    const options = {
      store,
      recipe: defaultRecipe,
      env,
      node: process.execPath,
      mayBuild: mayBuild === 'always' || (mayBuild === 'watched' && process.stderr.isTTY),
      progress: steps.show,
      notice: (text: string) => void notices.push(text),
      signal,
    }
    const standard = async (): Promise<Image> => ensureImage(options)
    if (machine?.image !== undefined) return await ensureImage({ ...options, image: machine.image })
    if (machine === undefined) return await standard()
    const { ownImage } = await import('./own.ts')
    return await ownImage(machine, { ...options, recipe: readRecipe(defaultRecipe), memo, standard })
  } finally {
    steps.clear()
    await tellOnce(notices, memo)
  }
}

/** A client starts a server many times a day: what is to be done about its image is said when it is new. */
async function tellOnce(notices: readonly string[], memo: Memo): Promise<void> {
  if (notices.length === 0) return
  await memo.of('image-notice', notices, () => {
    for (const text of notices) process.stderr.write(`glovebox: ${text}\n`)
    return true
  })
}
