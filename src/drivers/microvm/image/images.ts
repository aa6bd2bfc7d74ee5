import { join } from 'node:path'
import { GloveboxError } from '../../../errors.ts'
import { namesIn } from '../../../packages/store/staging.ts'
import { fileDigest } from './digest.ts'
import { imageFiles, readImage, type Image, type ImageFile, type ImageSource } from './record.ts'
import type { Recipe } from './recipe.ts'
import { bytesIn, type ImageStore } from './store.ts'

/** Every image that this version reads, the newest first. */
export function listImages(store: ImageStore): Image[] {
  return namesIn(store.root)
    .filter((name) => /^[0-9a-f]{64}$/.test(name))
    .flatMap((digest) => readImage(store, digest) ?? [])
    .toSorted((a, b) => (a.record.builtAt < b.record.builtAt ? 1 : -1))
}

/** The newest one for this processor; of this recipe where there is one by it. */
export function currentImage(store: ImageStore, recipe: string): Image | undefined {
  return listImages(store).find(({ record }) => {
    return record.architecture === process.arch && record.source.kind === 'recipe' && record.source.name === recipe
  })
}

/** The one that is called so: the beginning of its digest, or what it was made from. */
export function findImage(store: ImageStore, name: string): Image[] {
  return listImages(store).filter(({ record }) => record.digest.startsWith(name) || record.source.name === name)
}

/**
 * A name that an archive, or a file, has of itself must not stand for what the user calls so: the recipe's image, one of another kind,
 * or one by its digest. Made anew from the same kind of source, it is the newer one of that name.
 * @throws GloveboxError REFUSED
 */
export function requireOwnName(
  store: ImageStore,
  { kind, name }: Pick<ImageSource, 'kind' | 'name'>,
  recipe: string,
): void {
  const other = findImage(store, name).find(({ record: { source } }) => source.name !== name || source.kind !== kind)
  if (other === undefined && name !== recipe && !/^[0-9a-f]{4,64}$/.test(name)) return
  throw new GloveboxError('REFUSED', `it calls itself ${JSON.stringify(name)}, by which another image is found`, {
    fix: 'give it a name of its own: --name NAME',
  })
}

/** Why an image is not what would be built now, without asking anybody about packages; undefined when it is. */
export function whyStale(
  { record }: Image,
  recipe: Recipe,
  node: { readonly version: string; readonly bytes: number },
): string | undefined {
  if (record.source.kind !== 'recipe') return undefined
  if (record.source.sha256 !== recipe.sha256) return `its recipe, ${recipe.name}, has changed`
  const isSame = record.node?.version === node.version && record.node.bytes === node.bytes
  return isSame ? undefined : `it has Node ${record.node?.version ?? ''}, and another one runs Glovebox`
}

export function imageBytes({ directory }: Image): number {
  return bytesIn(directory)
}

/** The files that are not what was built. */
export async function damagedFiles(image: Image): Promise<ImageFile[]> {
  const damaged: ImageFile[] = []
  for (const file of Object.keys(imageFiles) as ImageFile[]) {
    const { sha256 } = await fileDigest(join(image.directory, imageFiles[file]))
    if (sha256 !== image.record.files[file].sha256) damaged.push(file)
  }
  return damaged
}
