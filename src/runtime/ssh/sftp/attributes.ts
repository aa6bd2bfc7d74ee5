import type { Attributes, InputAttributes } from 'ssh2'
import type { FileChange, FileInfo } from '../../../protocol/inside/v1.ts'

/** The type bits of st_mode (inode(7)); 0 for what is neither file nor directory nor link. */
const typeBits: Readonly<Record<FileInfo['kind'], number>> = {
  unspecified: 0,
  regular: 0o100_000,
  directory: 0o040_000,
  symlink: 0o120_000,
  other: 0,
}

/** A sandbox has one user, who is nobody outside: owners are told as 0. */
export function attributesOf(info: FileInfo): Attributes {
  const seconds = Math.max(0, Math.min(0xffff_ffff, Math.floor(info.modifiedMs / 1000)))
  return {
    mode: (typeBits[info.kind] | (info.mode & 0o7777)) >>> 0,
    uid: 0,
    gid: 0,
    size: info.size,
    atime: seconds,
    mtime: seconds,
  }
}

/** A line as `ls -l` has it, which is what clients show (draft-ietf-secsh-filexfer-02, 7). */
export function longName(name: string, info: FileInfo): string {
  const letters = { unspecified: '?', regular: '-', directory: 'd', symlink: 'l', other: '?' } as const
  const bits = 'rwxrwxrwx'
    .split('')
    .map((letter, at) => ((info.mode >> (8 - at)) & 1 ? letter : '-'))
    .join('')
  const when = Number.isSafeInteger(info.modifiedMs) && Math.abs(info.modifiedMs) <= 8.64e15 ? info.modifiedMs : 0
  const [day, time] = new Date(when).toISOString().split('T')
  return `${letters[info.kind]}${bits} 1 0 0 ${String(info.size).padStart(12)} ${day} ${time?.slice(0, 5)} ${name}`
}

/** What a client wants changed; undefined where that has an owner in it. */
export function changeOf(attributes: InputAttributes): FileChange | undefined {
  const { mode, size, mtime, uid, gid } = attributes
  if (uid !== undefined || gid !== undefined) return undefined
  const seconds = mtime instanceof Date ? mtime.getTime() / 1000 : mtime
  return {
    mode: mode === undefined ? undefined : Number(mode) & 0o777,
    modifiedMs: seconds === undefined ? undefined : seconds * 1000,
    size,
  }
}
