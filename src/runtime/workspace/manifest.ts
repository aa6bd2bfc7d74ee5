import { readFileSync } from 'node:fs'
import { GloveboxError } from '../../errors.ts'
import { writeWhole } from '../../system/write-whole.ts'
import { hasCode } from '../../system/error-code.ts'
import type { TreePath } from './path.ts'

/** What was copied in, as it was at that moment. */
export interface Original {
  readonly kind: 'file' | 'directory' | 'link'
  readonly mode: number
  readonly size: number
  /** Of the host's file; `''` where a later change might not show in it. */
  readonly host: string
  /** Of the copy; `''` likewise. */
  readonly copy: string
  /** SHA-256 of a file that was read, the target of a link (latin1); `''` where neither is known. */
  readonly content: string
}

export type Manifest = ReadonlyMap<TreePath, Original>

const header = '{"schema":"glovebox/workspace-manifest/1"}'

/** Its being there says that the copy is whole. */
export function writeManifest(file: string, manifest: Manifest): void {
  const lines = [header]
  for (const [path, { kind, mode, size, host, copy, content }] of manifest) {
    lines.push(JSON.stringify([path, kind, mode, size, host, copy, content]))
  }
  writeWhole(file, `${lines.join('\n')}\n`)
}

/** Undefined where there is none: the copy was not finished. @throws GloveboxError FAILED for one that is not ours */
export function readManifest(file: string): Manifest | undefined {
  let text: string
  try {
    text = readFileSync(file, 'utf8')
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined
    throw error
  }
  const [first, ...lines] = text.trimEnd().split('\n')
  if (first !== header) throw new GloveboxError('FAILED', `${file} is of another version of glovebox`)
  return new Map(lines.map((line) => parsed(JSON.parse(line) as readonly unknown[], file)))
}

function parsed(fields: readonly unknown[], file: string): [TreePath, Original] {
  const [path, kind, mode, size, host, copy, content] = fields
  const isWhole =
    [path, host, copy, content].every((field) => typeof field === 'string') &&
    [mode, size].every((field) => typeof field === 'number') &&
    (kind === 'file' || kind === 'directory' || kind === 'link')
  if (!isWhole) throw new GloveboxError('FAILED', `${file} has a line that means nothing`)
  return [path, { kind, mode, size, host, copy, content }] as [TreePath, Original]
}
