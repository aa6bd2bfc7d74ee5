import { randomBytes } from 'node:crypto'
import { lstatSync } from 'node:fs'
import { join } from 'node:path'
import { namesIn, removeTree } from '../../../packages/store/staging.ts'
import { makeDirectory } from '../../../system/make-directory.ts'
import { tryHold } from '../../../system/mutex.ts'
import type { Places } from '../../../system/places.ts'

/** Where images lie. What is named by a digest came there by one rename and is never changed again. */
export interface ImageStore {
  readonly root: string
  /** Half-made images, each with a mutex of its own name: whoever gets it may remove the directory. */
  readonly staging: string
  readonly mutexes: string
  /** What was downloaded for them. It can be lost without harm. */
  readonly downloads: string
  /** Initial RAM disks, named by what is in them. */
  readonly initrds: string
  /** Kernels as they are when they run, for a VMM that does not unpack them, named by what they were unpacked from. */
  readonly kernels: string
  /** Packed package store entries. */
  readonly given: string
}

export function imageStore({ data, cache }: Pick<Places, 'data' | 'cache'>): ImageStore {
  const root = join(data, 'images')
  return {
    root,
    staging: join(root, 'staging'),
    mutexes: join(root, 'mutexes'),
    downloads: join(cache, 'image-downloads'),
    initrds: join(cache, 'initrd'),
    kernels: join(cache, 'kernels'),
    given: join(cache, 'given'),
  }
}

export type Staging = Pick<ImageStore, 'staging' | 'mutexes'>

/**
 * For what a machine is started from and nobody else uses. In the cache and not in the runtime directory, which is often a small
 * part of the memory; from there a drive can also be moved into the cache.
 */
export function startStaging({ cache }: Pick<Places, 'cache'>): Staging {
  return { staging: join(cache, 'machines'), mutexes: join(cache, 'machine-mutexes') }
}

export interface Staged extends AsyncDisposable {
  readonly directory: string
}

/** A directory for something in the making, gone when it is disposed of, or when its process was killed and somebody builds again. */
export function stageImage(store: Staging): Staged {
  reapImages(store)
  const name = `new-${randomBytes(6).toString('hex')}`
  const held = tryHold(store.mutexes, name)
  if (held === undefined) throw new Error(`a random name is taken: ${name}`)
  const directory = join(store.staging, name)
  makeDirectory(directory)
  return {
    directory,
    async [Symbol.asyncDispose]() {
      removeTree(directory)
      held.remove()
    },
  }
}

/** Removes what killed builds left. */
export function reapImages(store: Staging): number {
  let reaped = 0
  for (const name of namesIn(store.staging)) {
    const held = tryHold(store.mutexes, name)
    if (held === undefined) continue
    removeTree(join(store.staging, name))
    held.remove()
    reaped++
  }
  return reaped
}

/** Bytes on the disk of a flat directory. */
export function bytesIn(directory: string): number {
  return namesIn(directory).reduce((sum, name) => sum + lstatSync(join(directory, name)).blocks * 512, 0)
}
