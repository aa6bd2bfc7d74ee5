import { createHash } from 'node:crypto'
import { existsSync, lstatSync, readFileSync, realpathSync } from 'node:fs'
import { join, sep } from 'node:path'
import { GloveboxError, messageOf } from '../../../../errors.ts'
import { createForeignTarReader } from '../../../../inside/tar/foreign.ts'
import { safePath } from '../../../../inside/tar/header.ts'
import { readUnpacked, unpackedBudget, type UnpackedBudget } from './compressed.ts'
import type { RootWriter } from './root-writer.ts'

/** What `docker save` wrote of one image, unpacked into a directory of ours. */
export interface DockerImage {
  /** Files, the lowest one first, and the SHA-256 of what is in them, unpacked. */
  readonly layers: readonly { readonly path: string; readonly diffId: string }[]
  readonly architecture: string
  readonly name: string | undefined
}

/** An index of an image is small; what is larger is something else. */
const jsonMax = 4 * 1024 ** 2
/** Docker's own limit is 127. */
const layersMax = 512

/** @throws GloveboxError REFUSED for what is not one image, or leads out of the archive */
export function readDockerImage(directory: string): DockerImage {
  const manifest = json(directory, 'manifest.json')
  if (!Array.isArray(manifest) || manifest.length !== 1) {
    throw wrong(
      `it has ${Array.isArray(manifest) ? manifest.length : 'no'} images`,
      'save one image: docker save NAME -o FILE',
    )
  }
  const { Config, Layers, RepoTags } = manifest[0] as Record<string, unknown>
  const config = json(directory, text(Config, 'Config')) as { architecture?: unknown; rootfs?: { diff_ids?: unknown } }
  const [layers, ids] = [texts(Layers, 'Layers'), texts(config.rootfs?.diff_ids, 'rootfs.diff_ids')]
  if (layers.length !== ids.length || layers.length > layersMax)
    throw wrong(`${layers.length} layers, ${ids.length} hashes`)
  return {
    layers: layers.map((layer, index) => ({ path: inside(directory, layer), diffId: sha256Of(ids[index] ?? '') })),
    architecture: text(config.architecture, 'architecture'),
    name: Array.isArray(RepoTags) && typeof RepoTags[0] === 'string' ? RepoTags[0] : undefined,
  }
}

/**
 * Layer on layer, each compared with the hash that the image's own configuration has of it.
 * @throws GloveboxError REFUSED for one that is another, FAILED for one that is no archive
 */
export async function applyLayers(
  { layers }: DockerImage,
  writer: RootWriter,
  signal?: AbortSignal,
  budget: UnpackedBudget = unpackedBudget(),
): Promise<void> {
  for (const [index, { path, diffId }] of layers.entries()) {
    const hash = createHash('sha256')
    const reader = createForeignTarReader(writer.layer(true))
    try {
      await readUnpacked(
        path,
        async (chunk) => {
          hash.update(chunk)
          await reader.push(chunk)
        },
        signal,
        budget,
      )
      reader.finish()
    } catch (cause) {
      signal?.throwIfAborted()
      if (cause instanceof GloveboxError && cause.code === 'REFUSED') throw cause
      throw new GloveboxError('FAILED', `layer ${index + 1} of ${layers.length}: ${messageOf(cause)}`, {
        cause,
        fix: 'save the image anew',
      })
    }
    if (hash.digest('hex') !== diffId) {
      throw new GloveboxError('REFUSED', `layer ${index + 1} is not what the image says it is`, {
        fix: 'save the image anew',
      })
    }
  }
}

/** A file of the archive. Older ones have links between layers, which stay within it. */
function inside(directory: string, name: string): string {
  const parts = safely(() => safePath(Buffer.from(name)))
  const path = join(directory, ...parts.map((part) => part.toString('utf8')))
  if (!existsSync(path)) throw wrong(`${name} is not there`)
  const real = realpathSync.native(path)
  if (!real.startsWith(`${realpathSync.native(directory)}${sep}`) || !lstatSync(real).isFile())
    throw wrong(`${name} leads out of it`)
  return real
}

function safely<T>(work: () => T): T {
  try {
    return work()
  } catch (error) {
    throw wrong(messageOf(error))
  }
}

function json(directory: string, name: string): unknown {
  const path = inside(directory, name)
  if (lstatSync(path).size > jsonMax) throw wrong(`${name} is of more than 4 MiB`)
  return safely(() => JSON.parse(readFileSync(path, 'utf8')) as unknown)
}

function text(value: unknown, what: string): string {
  if (typeof value !== 'string' || value === '') throw wrong(`it has no ${what}`)
  return value
}

function texts(value: unknown, what: string): string[] {
  if (!Array.isArray(value)) throw wrong(`it has no ${what}`)
  return value.map((each) => text(each, what))
}

function sha256Of(id: string): string {
  const found = /^sha256:([0-9a-f]{64})$/.exec(id)?.[1]
  if (found === undefined) throw wrong('a layer has no SHA-256')
  return found
}

function wrong(what: string, fix = 'save the image anew: docker save NAME -o FILE'): GloveboxError {
  return new GloveboxError('REFUSED', `this archive of docker save is not one that can be read: ${what}`, { fix })
}
