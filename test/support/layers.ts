import { createHash } from 'node:crypto'
import { endOfArchive, headerOf, paddingFor } from '../../src/inside/tar/writer.ts'
import { sumOf } from '../../src/inside/tar/reader.ts'

/** An entry of an archive of a root filesystem. A type is tar's own letter. */
export interface LayerEntry {
  readonly path: string
  readonly content?: string
  readonly mode?: number
  readonly type?: '0' | '1' | '2' | '3' | '5'
  readonly link?: string
}

/** An archive with these entries, which may be any that this project itself would not write. */
export function layer(...entries: readonly LayerEntry[]): Buffer {
  return Buffer.concat([...entries.flatMap((entry) => [headerFor(entry), ...dataOf(entry)]), endOfArchive()])
}

function dataOf({ content }: LayerEntry): Buffer[] {
  return content === undefined ? [] : [Buffer.from(content), paddingFor(Buffer.byteLength(content))]
}

function headerFor({ path, content = '', mode = 0o644, type = '0', link }: LayerEntry): Buffer {
  const about = {
    path: Buffer.from(path),
    kind: 'file' as const,
    mode,
    size: Buffer.byteLength(content),
    modifiedMs: 1_600_000_000_000,
  }
  const header = headerOf(link === undefined ? about : { ...about, link: Buffer.from(link) })
  const own = header.subarray(header.length - 512)
  own.write(type, 156, 'latin1')
  own.write(`${sumOf(own).toString(8).padStart(6, '0')}\0 `, 148, 'latin1')
  return header
}

/** What `docker save` writes of one image. `lies` changes what it says of itself. */
export function dockerArchive(
  layers: readonly Buffer[],
  lies: {
    readonly architecture?: string
    readonly diffIds?: readonly string[]
    readonly paths?: readonly string[]
  } = {},
  more: readonly LayerEntry[] = [],
): Buffer {
  const sha256 = (data: Buffer): string => createHash('sha256').update(data).digest('hex')
  const own = process.arch === 'x64' ? 'amd64' : 'arm64'
  const config = JSON.stringify({
    architecture: lies.architecture ?? own,
    rootfs: { type: 'layers', diff_ids: lies.diffIds ?? layers.map((each) => `sha256:${sha256(each)}`) },
  })
  const paths = lies.paths ?? layers.map((_, index) => `${index}/layer.tar`)
  const manifest = JSON.stringify([{ Config: 'config.json', RepoTags: ['tiny:1'], Layers: paths }])
  const files = layers.map((data, index): [string, Buffer] => [`${index}/layer.tar`, data])
  const entry = (path: string, data: Buffer): Buffer => {
    const about = { path: Buffer.from(path), kind: 'file' as const, mode: 0o644, size: data.length, modifiedMs: 0 }
    return Buffer.concat([headerOf(about), data, paddingFor(data.length)])
  }
  const all: [string, Buffer][] = [
    ...files,
    ['config.json', Buffer.from(config)],
    ['manifest.json', Buffer.from(manifest)],
  ]
  const links = layer(...more).subarray(0, -1024)
  return Buffer.concat([links, ...all.map(([path, data]) => entry(path, data)), endOfArchive()])
}
