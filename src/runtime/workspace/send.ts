import { renameSync } from 'node:fs'
import { join } from 'node:path'
import type { SentWorkspace } from '../../drivers/driver.ts'
import { GloveboxError, messageOf } from '../../errors.ts'
import type { Connection } from '../../inside/connection.ts'
import { tarIn, tarOut } from '../../inside/files.ts'
import { createTarReader } from '../../inside/tar/reader.ts'
import { formatBytes } from '../../policy/sizes.ts'
import { openDirectory } from '../../system/directory.ts'
import { packContents, packEnd } from '../copy/pack.ts'
import { unpackInto } from '../copy/unpack.ts'
import { ownDirectory } from '../running/own-directory.ts'
import { leadsOut } from './host-runs.ts'
import type { Manifest, Original } from './manifest.ts'
import { bytesOf, nameOf, shown, type TreePath } from './path.ts'
import { reachFrom } from './reach.ts'
import { clearAway, markSent, returnedOf, takeReturned, type Session } from './session.ts'

/**
 * The way of a copy over the channel, for sandboxes that see no directory of the host: it is sent as an archive, and what comes back takes
 * the place of what was sent, whole or not at all. What compares and takes over knows nothing of it.
 */
export function sentWorkspace(
  session: Session,
  manifest: Manifest,
  onFailure: (error: unknown) => void,
): SentWorkspace {
  return {
    size: { bytes: bytesOfAll(manifest), entries: manifest.size },
    async send(connection, directory) {
      markSent(session)
      await sendCopy(session, connection, directory)
    },
    async fetch(connection, directory) {
      try {
        await fetchCopy(session, manifest, connection, directory)
        takeReturned(session)
      } catch (error) {
        onFailure(error)
      }
    },
  }
}

/**
 * What a link that leads out of the workspace led to is not there in a machine: such links are taken out of the copy, and out of what was
 * copied, so that nobody takes them for deleted. Gives their names.
 */
export function withoutLinksOut(session: Session, manifest: Map<TreePath, Original>): string[] {
  const top = openDirectory(session.files)
  const reach = reachFrom(top, { own: true })
  try {
    const out = [...manifest].filter(([path, { kind, content }]) => kind === 'link' && leadsOut(path, content))
    for (const [path] of out) {
      reach.parent(path).unlink(bytesOf(nameOf(path)))
      manifest.delete(path)
    }
    return out.map(([path, { content }]) => `${shown(path)} -> ${shown(content)}`)
  } finally {
    reach.close()
    top.close()
  }
}

async function sendCopy({ files }: Session, connection: Connection, directory: string): Promise<void> {
  const archive = await tarIn(connection, directory)
  const top = openDirectory(files)
  try {
    const packing = {
      take: async (block: Buffer) => archive.write(block),
      onBytes: () => undefined,
      onLeftOut: (path: string) => {
        throw new GloveboxError('INTERNAL', `${path} was copied, and is no file, directory or link`)
      },
    }
    await packContents(top, Buffer.alloc(0), packing)
    await packEnd(packing)
    await archive.finish()
  } catch (error) {
    archive.cancel()
    throw error
  } finally {
    top.close()
  }
}

/** The inside writes what it likes: no more than it was given and may add, and nothing but files, directories and links. */
async function fetchCopy(
  session: Session,
  manifest: Manifest,
  connection: Connection,
  directory: string,
): Promise<void> {
  const back = join(session.directory, 'back')
  clearAway(back)
  ownDirectory(back)
  const most = session.about.growthBytes + bytesOfAll(manifest)
  let bytes = 0
  const top = openDirectory(back)
  const archive = tarOut(connection, directory, { follow: true })
  const unpacked = unpackInto(
    top,
    (more) => {
      bytes += more
      if (bytes > most) throw tooMuch(most)
    },
    'any',
  )
  try {
    const reader = createTarReader(unpacked.sink)
    for await (const chunk of archive.chunks) await reader.push(chunk)
    reader.finish()
    unpacked.settle()
    if (unpacked.kind() !== 'directory') throw new Error('what came back is no directory')
  } catch (error) {
    if (error instanceof GloveboxError) throw error
    throw new GloveboxError('CHANNEL_LOST', `the workspace did not come back: ${messageOf(error)}`, { cause: error })
  } finally {
    archive.cancel()
    unpacked.close()
    top.close()
  }
  // Its being there under this name says that it is whole.
  renameSync(back, returnedOf(session))
}

function bytesOfAll(manifest: Manifest): number {
  return [...manifest.values()].reduce((sum, { kind, size }) => sum + (kind === 'file' ? size : 0), 0)
}

function tooMuch(most: number): GloveboxError {
  return new GloveboxError('FAILED', `more than ${formatBytes(most)} came back of the workspace`, {
    fix: 'allow the sandbox more with --disk',
  })
}
