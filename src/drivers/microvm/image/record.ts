import { join } from 'node:path'
import { readIfThere } from '../../../packages/store/record.ts'
import type { Architecture } from '../architecture.ts'
import type { ImageStore } from './store.ts'

/** What is known of an image: `DIGEST/image.json`. */
export interface ImageRecord {
  readonly schema: 'glovebox/image/1'
  /** SHA-256 over what it is made of, and its name. */
  readonly digest: string
  /** What it was made from. */
  readonly source: ImageSource
  readonly architecture: Architecture
  readonly kernelVersion: string
  /** Where the kernel comes from; null where it was given. */
  readonly kernelPackage: ImagePackage | null
  /** Of the root; empty where it was not made from packages. */
  readonly packages: readonly ImagePackage[]
  /** The Node in it; null where it has the one that came with its source. */
  readonly node: { readonly version: string; readonly sha256: string; readonly bytes: number } | null
  readonly files: Readonly<Record<ImageFile, { readonly sha256: string; readonly bytes: number }>>
  /** Names of what can be started without a path. */
  readonly programs: readonly string[]
  readonly builtAt: string
}

export interface ImageSource {
  readonly kind: 'recipe' | 'directory' | 'tar' | 'cpio' | 'docker' | 'ext4' | 'erofs'
  /** Of a recipe its name, else a path or reference that the user gave. */
  readonly name: string
  /** Of the recipe, or of the archive. */
  readonly sha256: string
}

export interface ImagePackage {
  readonly name: string
  readonly version: string
}

export type ImageFile = 'kernel' | 'modules' | 'root'

/** An image with the paths of its files. */
export interface Image {
  readonly record: ImageRecord
  readonly directory: string
  readonly kernel: string
  readonly modules: string
  readonly root: string
}

export const imageFiles: Readonly<Record<ImageFile, string>> = {
  kernel: 'kernel',
  modules: 'modules.cpio',
  root: 'root.erofs',
}

/** Undefined where there is none of that digest, or none that this version reads. */
export function readImage(store: ImageStore, digest: string): Image | undefined {
  const directory = join(store.root, digest)
  const text = readIfThere(join(directory, 'image.json'))
  if (text === undefined) return undefined
  const record = JSON.parse(text) as ImageRecord
  if (record.schema !== 'glovebox/image/1' || record.digest !== digest) return undefined
  const at = (file: ImageFile): string => join(directory, imageFiles[file])
  return { record, directory, kernel: at('kernel'), modules: at('modules'), root: at('root') }
}
