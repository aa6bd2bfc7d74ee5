import { listInside, readInside, updateInside } from '../../../inside/change-files.ts'
import type { Connection } from '../../../inside/connection.ts'
import type { FileChange, FileInfo, UpdateStart } from '../../../protocol/inside/v1.ts'

/** Something that a client has open. Its calls come one after the other; `undefined` is the end. */
export interface Handle {
  readonly path: string
  readonly read?: (offset: number, length: number) => Promise<Buffer | undefined>
  readonly write?: (offset: number, bytes: Buffer) => Promise<void>
  readonly change?: (change: FileChange) => Promise<void>
  readonly list?: () => Promise<readonly FileInfo[] | undefined>
  readonly close: () => Promise<void>
}

/** A file that is read: one call as long as the client reads on where it was, another where it jumps. */
export async function openReader(connection: Connection, path: string): Promise<Handle> {
  let source = await readInside(connection, path, 0)
  let position = 0
  let rest: Uint8Array = new Uint8Array()

  async function more(): Promise<boolean> {
    const next = await source.chunks.next()
    if (next.done !== true) rest = next.value.data
    return next.done !== true
  }
  return {
    path,
    async read(offset, length) {
      if (offset !== position) {
        source.cancel()
        source = await readInside(connection, path, offset)
        position = offset
        rest = new Uint8Array()
      }
      // Whole where there is so much: after a short answer clients ask for the missing part out of line.
      const parts: Uint8Array[] = []
      for (let missing = length; missing > 0;) {
        if (rest.length === 0 && !(await more())) break
        const part = rest.subarray(0, missing)
        rest = rest.subarray(part.length)
        missing -= part.length
        parts.push(part)
      }
      const bytes = Buffer.concat(parts)
      position += bytes.length
      return bytes.length === 0 ? undefined : bytes
    },
    async close() {
      source.cancel()
    },
  }
}

/** A file that is written. What goes wrong in one write is told with a later one, or with the end. */
export async function openWriter(
  connection: Connection,
  path: string,
  how: Omit<UpdateStart, 'file'>,
): Promise<Handle> {
  const updating = await updateInside(connection, path, how)
  return {
    path,
    write: async (offset, bytes) => updating.write(offset, bytes),
    change: async (change) => updating.change(change),
    close: async () => updating.finish(),
  }
}

/** So many names an answer: they come from inside, and may be long. */
const namesAtOnce = 64

export function openDirectory(connection: Connection, path: string): Handle {
  const { entries, cancel } = listInside(connection, path)
  return {
    path,
    async list() {
      const found: FileInfo[] = []
      while (found.length < namesAtOnce) {
        const next = await entries.next()
        if (next.done === true) break
        found.push(next.value)
      }
      return found.length === 0 ? undefined : found
    },
    async close() {
      cancel()
    },
  }
}
