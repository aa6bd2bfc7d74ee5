import { existsSync, renameSync } from 'node:fs'
import { join } from 'node:path'
import { GloveboxError } from '../../../errors.ts'
import { removeTree } from '../../../packages/store/staging.ts'
import { holding } from '../../../system/mutex.ts'
import { findImage, imageBytes, listImages } from './images.ts'
import type { Image } from './record.ts'
import { bytesIn, reapImages, stageImage, type ImageStore } from './store.ts'

export interface Purged {
  /** Digests. */
  readonly removed: readonly string[]
  readonly freedBytes: number
}

/**
 * Removes images. A machine that runs keeps the files that it has open until it ends.
 * @throws GloveboxError USAGE for a name that is none's
 */
export async function purgeImages(
  store: ImageStore,
  { name, all }: { readonly name: string | undefined; readonly all: boolean },
): Promise<Purged> {
  return holding(store.mutexes, 'build', {}, async () => {
    reapImages(store)
    const chosen = choose(store, name, all)
    await using staged = stageImage(store)
    let freedBytes = 0
    for (const image of chosen) {
      freedBytes += imageBytes(image)
      // Away at once: a half of an image is never found.
      renameSync(image.directory, join(staged.directory, image.record.digest))
    }
    const caches = all
      ? [store.initrds, store.kernels, store.given, join(store.downloads, 'archives'), store.downloads]
      : [store.initrds, store.kernels]
    for (const directory of caches.filter((each) => existsSync(each))) {
      freedBytes += bytesIn(directory)
      removeTree(directory)
    }
    return { removed: chosen.map(({ record }) => record.digest), freedBytes }
  })
}

function choose(store: ImageStore, name: string | undefined, all: boolean): Image[] {
  if (all) return listImages(store)
  if (name === undefined) return replaced(listImages(store))
  const found = findImage(store, name)
  if (found.length > 0) return found
  throw new GloveboxError('USAGE', `there is no image "${name}"`, {
    fix: 'glovebox image list shows those that are',
  })
}

/** Those that a newer one of the same source stands before. */
function replaced(newestFirst: readonly Image[]): Image[] {
  const seen = new Set<string>()
  return newestFirst.filter(({ record }) => {
    const source = `${record.source.kind} ${record.source.name} ${record.architecture}`
    if (seen.has(source)) return true
    seen.add(source)
    return false
  })
}
