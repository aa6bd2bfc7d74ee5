import { statSync } from 'node:fs'
import { GloveboxError, messageOf } from '../../../errors.ts'
import { buildImage, type BuildOptions } from './build.ts'
import { currentImage, whyStale } from './images.ts'
import { readRecipe } from './recipe.ts'
import type { Image } from './record.ts'

export interface EnsureOptions extends BuildOptions {
  readonly recipe: string
  /** Somebody sees the progress, and can wait for it: a terminal. */
  readonly mayBuild: boolean
  /** A sentence that the user should read, and that stops nothing. */
  readonly notice: (text: string) => void
}

/**
 * The image to start from: built on first use, and anew when its recipe or Node is another one by now.
 * @throws GloveboxError HOST_CANNOT where there is none and nobody waits for one
 */
export async function ensureImage(options: EnsureOptions): Promise<Image> {
  const { store, recipe: name, mayBuild, notice } = options
  const recipe = readRecipe(name)
  const current = currentImage(store, name)
  if (current === undefined) {
    if (mayBuild) return buildImage(recipe, options)
    throw new GloveboxError('HOST_CANNOT', 'there is no image yet to start a virtual machine from', {
      fix: 'glovebox image build',
    })
  }
  const stale = whyStale(current, recipe, { version: process.version, bytes: statSync(options.node).size })
  if (stale === undefined) return current
  if (!mayBuild) {
    notice(`the image is used as it is, although ${stale}: glovebox image update`)
    return current
  }
  try {
    return await buildImage(recipe, options)
  } catch (error) {
    options.signal?.throwIfAborted()
    // It was good enough yesterday, and a sandbox from it is no weaker.
    notice(`the image is used as it is, although ${stale}; building it anew failed: ${messageOf(error)}`)
    return current
  }
}
