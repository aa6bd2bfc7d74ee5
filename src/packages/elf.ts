import { closeSync, openSync, readSync } from 'node:fs'

/** The C library that a program is linked with, by the loader that it names (PT_INTERP, elf(5)). */
export function libcOf(path: string): 'glibc' | 'musl' | 'none' {
  const head = Buffer.alloc(8192)
  const fd = openSync(path, 'r')
  try {
    const text = head.toString('latin1', 0, readSync(fd, head, 0, head.length, 0))
    if (/\/ld-musl-[\w-]+\.so\.1\0/.test(text)) return 'musl'
    return /\/ld-linux[\w-]*\.so\.\d\0|\/ld64\.so\.\d\0/.test(text) ? 'glibc' : 'none'
  } finally {
    closeSync(fd)
  }
}
