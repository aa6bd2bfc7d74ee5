import { spawnSync } from 'node:child_process'
import { chownSync, cpSync, mkdirSync } from 'node:fs'
import path from 'node:path'
import { places } from '../../src/system/places.ts'
import { ensureImage } from '../../src/drivers/microvm/image/ensure.ts'
import { defaultRecipe } from '../../src/drivers/microvm/image/recipe.ts'
import { currentImage } from '../../src/drivers/microvm/image/images.ts'
import type { Image } from '../../src/drivers/microvm/image/record.ts'
import { imageStore, type ImageStore } from '../../src/drivers/microvm/image/store.ts'
import { missingTools, toolsOf } from '../../src/drivers/microvm/image/tools.ts'
import type { Runner } from './as-user.ts'
import { projectRoot } from './readable-tree.ts'

/** Where whoever runs the tests as somebody else has put an image for that one (`imageFor`). */
const givenHome = 'GLOVEBOX_TEST_IMAGE_HOME'

/** Kept between runs of the suite: an image takes half a minute, and its packages come from the network. */
export const testImageHome: string = process.env[givenHome] ?? path.join(projectRoot, 'build/test-image')

export function testImageStore(): ImageStore {
  return imageStore(places({ GLOVEBOX_HOME: testImageHome }))
}

/** Why no test can have an image here; undefined when it can. For `unlessPresent('IMAGE', whyNoImage())`. */
export function whyNoImage(): string | undefined {
  if (currentImage(testImageStore(), defaultRecipe) !== undefined) return undefined
  const missing = missingTools(toolsOf.recipe, process.env)
  return missing.length === 0 ? undefined : `images are made with ${missing.join(', ')}, which is not installed`
}

/** The image of the recipe, for any test: built by the first that asks, while others wait, and again when the recipe has changed. */
export async function testImage(): Promise<Image> {
  return ensureImage({
    store: testImageStore(),
    recipe: defaultRecipe,
    env: process.env,
    node: process.execPath,
    mayBuild: true,
    progress: () => undefined,
    notice: (text) => {
      throw new Error(text)
    },
  })
}

/** What another user's tests find the image by that we have: an image belongs to one user, who alone reads it. */
export function imageFor(runner: Runner): Record<string, string> {
  const image = currentImage(testImageStore(), defaultRecipe)
  if (image === undefined) return {}
  const home = path.join(runner.home, 'image')
  const data = path.join(home, 'data')
  mkdirSync(data, { recursive: true })
  for (const directory of [home, data]) chownSync(directory, runner.uid, runner.gid)
  giveImage(image, runner, data)
  return { [givenHome]: home }
}

/** A copy of an image for whoever's directory of data (`$XDG_DATA_HOME/glovebox`, `GLOVEBOX_HOME/data`) this is, as if they had built it. */
export function giveImage(image: Image, { uid, gid }: Pick<Runner, 'uid' | 'gid'>, data: string): void {
  const images = path.join(data, 'images')
  cpSync(image.directory, path.join(images, image.record.digest), { recursive: true })
  const run = spawnSync('chown', ['-R', `${uid}:${gid}`, images], { encoding: 'utf8' })
  if (run.status !== 0) throw new Error(`chown: ${run.stderr}`)
}
