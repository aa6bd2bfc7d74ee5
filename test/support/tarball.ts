import { gzipSync } from 'node:zlib'

export interface TarEntry {
  readonly path: string
  readonly content?: string | Buffer
  readonly mode?: number
  /** A symbolic link to this. */
  readonly link?: string
}

/** A gzipped archive in ustar format (POSIX.1-1988, pax(5)), the same bytes for the same entries. */
export function tarball(entries: readonly TarEntry[]): Buffer {
  const blocks = entries.flatMap(({ path, content = '', mode = 0o644, link }) => {
    const body = Buffer.from(content)
    const padding = Buffer.alloc((512 - (body.length % 512)) % 512)
    return [header(path, body.length, mode, link), body, padding]
  })
  return gzipSync(Buffer.concat([...blocks, Buffer.alloc(1024)]))
}

function header(path: string, size: number, mode: number, link: string | undefined): Buffer {
  const block = Buffer.alloc(512)
  const octal = (value: number, width: number): string => `${value.toString(8).padStart(width - 1, '0')}\0`
  block.write(path, 0, 100)
  block.write(octal(mode, 8), 100)
  block.write(octal(0, 8), 108)
  block.write(octal(0, 8), 116)
  block.write(octal(size, 12), 124)
  block.write(octal(499162500, 12), 136)
  block.write('        ', 148)
  block.write(link === undefined ? '0' : '2', 156)
  if (link !== undefined) block.write(link, 157, 100)
  block.write('ustar\u000000', 257)
  const sum = block.reduce((total, byte) => total + byte, 0)
  block.write(`${sum.toString(8).padStart(6, '0')}\0 `, 148)
  return block
}
