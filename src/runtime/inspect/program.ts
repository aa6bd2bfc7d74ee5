import { accessSync, closeSync, constants, fstatSync, openSync, readSync, realpathSync, statSync } from 'node:fs'
import { delimiter, isAbsolute, join, resolve } from 'node:path'
import { GloveboxError } from '../../errors.ts'

/**
 * The absolute path of the program that `name` means: looked up in PATH as execvp(3) does, links kept.
 * @throws GloveboxError NOT_FOUND or NOT_EXECUTABLE
 */
export function findProgram(name: string, cwd: string, path: string | undefined): string {
  if (name === '') throw new GloveboxError('USAGE', 'the command is an empty string', { fix: 'name a program' })
  if (name.includes('/')) return requireProgram(resolve(cwd, name), name)
  let found: string | undefined
  for (const directory of (path ?? '/usr/local/bin:/usr/bin:/bin').split(delimiter)) {
    if (!isAbsolute(directory)) continue // an empty or relative entry would run what lies in the working directory
    const candidate = join(directory, name)
    const kind = kindOf(candidate)
    if (kind === 'program') return candidate
    if (kind === 'not executable') found ??= candidate
  }
  if (found !== undefined) throw notExecutable(found, name)
  throw new GloveboxError('NOT_FOUND', `${name}: no such program in PATH`, {
    fix: 'install it, or write its full path',
  })
}

/** Whether `findProgram` finds one. */
export function isProgram(name: string, cwd: string, path: string | undefined): boolean {
  try {
    findProgram(name, cwd, path)
    return true
  } catch (error) {
    if (error instanceof GloveboxError) return false
    throw error
  }
}

function requireProgram(path: string, name: string): string {
  const kind = kindOf(path)
  if (kind === 'program') return path
  if (kind === 'not executable') throw notExecutable(path, name)
  throw new GloveboxError('NOT_FOUND', `${name}: no such file`, { fix: 'check the path' })
}

function notExecutable(path: string, name: string): GloveboxError {
  return new GloveboxError('NOT_EXECUTABLE', `${name}: ${path} is not an executable file`, {
    fix: statSync(path).isFile() ? `chmod +x ${path}, or name the interpreter that runs it` : 'name a program in it',
  })
}

/** A place that cannot be looked into (`EACCES` from a directory on the way) is passed over, as execvp(3) does. */
function kindOf(path: string): 'program' | 'not executable' | 'missing' {
  const stat = tried(() => statSync(path))
  if (stat === undefined) return 'missing'
  if (!stat.isFile()) return 'not executable'
  return tried(() => accessSync(path, constants.X_OK) ?? true) === true ? 'program' : 'not executable'
}

/** What a system call gives, or undefined where it fails with a system error. */
function tried<T>(call: () => T): T | undefined {
  try {
    return call()
  } catch (error) {
    if (error instanceof Error && 'code' in error) return undefined
    throw error
  }
}

/** The interpreter line of a script (`execve(2)`, "Interpreter scripts"), split as the kernel does: at most one argument. */
export function shebangOf(
  path: string,
): { readonly interpreter: string; readonly argument: string | undefined } | undefined {
  const head = headOf(path, 256).toString('latin1')
  const match = /^#![ \t]*([^ \t\n]+)[ \t]*([^\n]*)/.exec(head)
  if (!match?.[1]) return undefined
  const argument = match[2]?.trim()
  return { interpreter: match[1], argument: argument === '' ? undefined : argument }
}

/** The dynamic loader that an ELF program names in PT_INTERP, its links resolved; undefined for a static one or a script. */
export function loaderOf(path: string): string | undefined {
  const head = headOf(path, 4096)
  const isElf64 = head.length >= 64 && head.readUInt32BE(0) === 0x7f454c46 && head[4] === 2 && head[5] === 1
  if (!isElf64) return undefined
  const [offset, size, count] = [Number(head.readBigUInt64LE(32)), head.readUInt16LE(54), head.readUInt16LE(56)]
  for (let at = offset; at + 56 <= head.length && at < offset + size * count; at += size) {
    if (head.readUInt32LE(at) !== 3) continue
    const [start, length] = [Number(head.readBigUInt64LE(at + 8)), Number(head.readBigUInt64LE(at + 32))]
    if (start + length > head.length || length < 2) return undefined
    return realpathSync.native(head.toString('latin1', start, start + length - 1))
  }
  return undefined
}

/**
 * The beginning of a file, and nothing of what is no file: in an unknown project it may be a FIFO, whose writer would be waited for
 * (open(2), O_NONBLOCK), or a device.
 * @throws the system's error
 */
export function headOf(path: string, bytes: number): Buffer {
  const buffer = Buffer.alloc(bytes)
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  try {
    return fstatSync(fd).isFile() ? buffer.subarray(0, readSync(fd, buffer, 0, bytes, 0)) : Buffer.alloc(0)
  } finally {
    closeSync(fd)
  }
}
