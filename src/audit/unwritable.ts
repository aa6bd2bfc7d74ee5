import { basename, dirname } from 'node:path'
import { GloveboxError, messageOf } from '../errors.ts'

/** The error of a record that cannot be kept, with the way out. */
export function unwritable(path: string, cause: unknown): GloveboxError {
  const code = codeOf(cause)
  return new GloveboxError('AUDIT_UNWRITABLE', `the audit record ${path} cannot be written: ${reason(code, cause)}`, {
    fix: isNoDatabase(cause)
      ? `move ${path}, with its -wal and -shm, away: the next start begins a new ${basename(path)}`
      : fix(code, dirname(path)),
    cause,
  })
}

export function codeOf(error: unknown): string | undefined {
  return error instanceof Error && 'code' in error && typeof error.code === 'string' ? error.code : undefined
}

/** SQLITE_CORRUPT and SQLITE_NOTADB (https://sqlite.org/rescode.html), and a table that is not there: SQLITE_ERROR */
export function isNoDatabase(cause: unknown): boolean {
  return cause instanceof Error && 'errcode' in cause && [1, 11, 26].includes(Number(cause.errcode) & 0xff)
}

const reasons: Readonly<Record<string, string>> = {
  ENOSPC: 'no space is left on its file system',
  EDQUOT: "the user's disk quota is used up",
  EFBIG: 'the limit on the size of a file is reached',
  EACCES: 'this user may not write there',
  EPERM: 'this user may not write there',
  EROFS: 'its file system is read-only',
  EEXIST: 'it is there already, and a sandbox begins a record of its own',
  ENOTDIR: 'a part of its path is not a directory',
  EIO: 'the disk reports an error',
}

function reason(code: string | undefined, cause: unknown): string {
  return (code === undefined ? undefined : reasons[code]) ?? messageOf(cause)
}

function fix(code: string | undefined, directory: string): string {
  switch (code) {
    case 'ENOSPC':
    case 'EDQUOT':
      return `free some space on the file system of ${directory}, or name another place with GLOVEBOX_HOME`
    case 'EFBIG':
      return 'raise the limit (ulimit -f), or start a new sandbox, which begins a new file'
    case 'EACCES':
    case 'EPERM':
    case 'EROFS':
    case 'ENOTDIR':
      return `make ${directory} a directory that this user can write to, or name another place with GLOVEBOX_HOME`
    default:
      return `see what is wrong with the file system of ${directory}, or name another place with GLOVEBOX_HOME`
  }
}
