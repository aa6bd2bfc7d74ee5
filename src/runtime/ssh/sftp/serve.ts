import { posix } from 'node:path'
import ssh2, { type InputAttributes, type SFTPWrapper } from 'ssh2'
import {
  changeInside,
  linkInside,
  makeDirectoryInside,
  removeInside,
  renameInside,
} from '../../../inside/change-files.ts'
import type { Connection } from '../../../inside/connection.ts'
import { statInside } from '../../../inside/files.ts'
import type { FileChange, FileInfo } from '../../../protocol/inside/v1.ts'
import { attributesOf, changeOf, longName } from './attributes.ts'
import { openDirectory, openReader, openWriter, type Handle } from './handle.ts'
import { refusalOf, SftpRefusal, sftpStatus } from './status.ts'

const maxHandles = 64
/** SSH_FXP_DATA; a client asks for at most 32 KiB, and takes no more than 256 KiB. */
const maxRead = 255 * 1024

/**
 * SFTP, version 3 (draft-ietf-secsh-filexfer-02): the version that everybody speaks. A request becomes one call to the inside,
 * which resolves the path in the sandbox's own tree: no path of a client's is ever opened on this machine.
 */
export function serveSftp(sftp: SFTPWrapper, connection: Connection, directory: string): void {
  const handles = new Map<number, Handle>()
  /** What is asked about one handle is done in the order in which it was asked. */
  const lines = new Map<number, Promise<void>>()
  let nextHandle = 0
  const absolute = (path: string): string => posix.resolve(directory, path)

  function answer(request: number, work: () => Promise<void>): Promise<void> {
    return work().catch((error: unknown) => {
      const { status, text } = refusalOf(error)
      sftp.status(request, status, text)
    })
  }
  function done(request: number, work: () => Promise<void>): void {
    void answer(request, async () => {
      await work()
      sftp.status(request, sftpStatus.ok)
    })
  }
  function inLine(request: number, handle: Buffer, work: (open: Handle) => Promise<void>): void {
    const number = handle.length === 4 ? handle.readUInt32BE() : -1
    const open = handles.get(number)
    if (open === undefined) return sftp.status(request, sftpStatus.failure, 'nothing is open under this handle')
    const before = lines.get(number) ?? Promise.resolve()
    lines.set(
      number,
      before.then(async () => answer(request, async () => work(open))),
    )
  }
  async function give(request: number, open: () => Promise<Handle> | Handle): Promise<void> {
    if (handles.size >= maxHandles) throw new SftpRefusal(sftpStatus.failure, `more than ${maxHandles} are open`)
    const number = nextHandle++
    handles.set(number, await open())
    const handle = Buffer.alloc(4)
    handle.writeUInt32BE(number)
    sftp.handle(request, handle)
  }
  async function look(path: string, follow: boolean): Promise<FileInfo> {
    const info = await statInside(connection, path, { follow })
    if (info === undefined) throw new SftpRefusal(sftpStatus.noSuchFile, 'there is no such file')
    return info
  }

  sftp.on('OPEN', (request, name, flags, attributes) => {
    void answer(request, async () => {
      const path = absolute(name)
      const { OPEN_MODE: mode } = ssh2.utils.sftp
      if ((flags & (mode.WRITE | mode.APPEND)) === 0) return give(request, () => openReader(connection, path))
      return give(request, () =>
        openWriter(connection, path, {
          mode: attributes.mode === undefined ? 0o644 : attributes.mode & 0o777,
          create: (flags & mode.CREAT) !== 0,
          createOnly: (flags & mode.EXCL) !== 0,
          truncate: (flags & mode.TRUNC) !== 0,
          append: (flags & mode.APPEND) !== 0,
        }),
      )
    })
  })
  sftp.on('READ', (request, handle, offset, length) => {
    inLine(request, handle, async ({ read = notOpenFor('reading') }) => {
      const bytes = await read(offset, Math.min(length, maxRead))
      if (bytes === undefined) sftp.status(request, sftpStatus.end)
      else sftp.data(request, bytes)
    })
  })
  sftp.on('WRITE', (request, handle, offset, data) => {
    // What was received is overwritten by what comes next.
    const bytes = Buffer.from(data)
    inLine(request, handle, async ({ write = notOpenFor('writing') }) => {
      await write(offset, bytes)
      sftp.status(request, sftpStatus.ok)
    })
  })
  sftp.on('FSTAT', (request, handle) => {
    inLine(request, handle, async ({ path }) => sftp.attrs(request, attributesOf(await look(path, true))))
  })
  sftp.on('FSETSTAT', (request, handle, attributes) => {
    inLine(request, handle, async ({ path, change }) => {
      const wanted = wantedOf(attributes)
      await (change?.(wanted) ?? changeInside(connection, path, wanted))
      sftp.status(request, sftpStatus.ok)
    })
  })
  sftp.on('CLOSE', (request, handle) => {
    inLine(request, handle, async (open) => {
      handles.delete(handle.readUInt32BE())
      lines.delete(handle.readUInt32BE())
      await open.close()
      sftp.status(request, sftpStatus.ok)
    })
  })
  sftp.on('OPENDIR', (request, name) => {
    void answer(request, async () => {
      const { kind } = await look(absolute(name), true)
      if (kind !== 'directory') throw new SftpRefusal(sftpStatus.failure, 'it is no directory')
      await give(request, () => openDirectory(connection, absolute(name)))
    })
  })
  sftp.on('READDIR', (request, handle) => {
    inLine(request, handle, async ({ list = notOpenFor('listing') }) => {
      const found = await list()
      if (found === undefined) return sftp.status(request, sftpStatus.end)
      sftp.name(request, found.flatMap(listed))
    })
  })
  sftp.on('STAT', (request, path) => {
    void answer(request, async () => sftp.attrs(request, attributesOf(await look(absolute(path), true))))
  })
  sftp.on('LSTAT', (request, path) => {
    void answer(request, async () => sftp.attrs(request, attributesOf(await look(absolute(path), false))))
  })
  sftp.on('READLINK', (request, path) => {
    void answer(request, async () => {
      const { kind, link } = await look(absolute(path), false)
      if (kind !== 'symlink') throw new SftpRefusal(sftpStatus.failure, 'it is no symbolic link')
      sftp.name(request, [named(Buffer.from(link).toString('utf8'))])
    })
  })
  // By its letters alone, as a shell's `cd` has it; what is there is looked at when it is used.
  sftp.on('REALPATH', (request, path) => sftp.name(request, [named(absolute(path))]))
  sftp.on('SETSTAT', (request, path, attributes) => {
    done(request, async () => changeInside(connection, absolute(path), wantedOf(attributes)))
  })
  sftp.on('REMOVE', (request, path) => done(request, async () => remove(absolute(path), false)))
  sftp.on('RMDIR', (request, path) => done(request, async () => remove(absolute(path), true)))
  sftp.on('MKDIR', (request, path, { mode }) => {
    const bits = mode === undefined ? 0o755 : mode & 0o777
    done(request, async () => makeDirectoryInside(connection, absolute(path), bits))
  })
  sftp.on('RENAME', (request, from, to) => {
    done(request, async () => renameInside(connection, absolute(from), absolute(to)))
  })
  sftp.on('SYMLINK', (request, path, holds) => {
    done(request, async () => linkInside(connection, absolute(path), holds))
  })
  sftp.on('end', () => {
    for (const handle of handles.values()) void handle.close().catch(() => undefined) // its client has gone
    leave(sftp)
  })

  async function remove(path: string, directory: boolean): Promise<void> {
    const { kind } = await look(path, false)
    if ((kind === 'directory') !== directory) {
      throw new SftpRefusal(sftpStatus.failure, directory ? 'it is no directory' : 'it is a directory')
    }
    await removeInside(connection, path)
  }
}

/** What a program would leave with (RFC 4254, 6.10): without it scp fails. ssh2 has it for channels, and not for this one. */
function leave(sftp: SFTPWrapper): void {
  const { _protocol: protocol, outgoing } = sftp as unknown as {
    _protocol: { exitStatus(channel: number, code: number): void }
    outgoing: { id: number; state: string }
  }
  if (outgoing.state === 'open') protocol.exitStatus(outgoing.id, 0)
  sftp.end()
}

function notOpenFor(what: string): () => never {
  return () => {
    throw new SftpRefusal(sftpStatus.failure, `it is not open for ${what}`)
  }
}

function wantedOf(attributes: InputAttributes): FileChange {
  const change = changeOf(attributes)
  if (change === undefined) throw new SftpRefusal(sftpStatus.unsupported, 'files of a sandbox have one owner')
  return change
}

/** A name with a slash in it would lead a client that copies a tree to another place of its own machine. */
function listed(info: FileInfo): ReturnType<typeof named>[] {
  const name = Buffer.from(info.name).toString('utf8')
  if (name === '' || name === '.' || name === '..' || /[/\0]/.test(name)) return []
  return [{ filename: name, longname: longName(name, info), attrs: attributesOf(info) }]
}

/** Without attributes: a client that wants them asks. */
function named(name: string): { filename: string; longname: string; attrs: ReturnType<typeof attributesOf> } {
  return { filename: name, longname: name, attrs: { mode: 0, uid: 0, gid: 0, size: 0, atime: 0, mtime: 0 } }
}
