import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { GloveboxError } from '../../errors.ts'
import type { Store } from './store.ts'

/** What is known of an installed package: `KEY/record.json`. */
export interface PackageRecord {
  readonly schema: 'glovebox/package/1'
  readonly key: string
  readonly ecosystem: 'npm' | 'pypi' | 'mcpb'
  /** The packages that were asked for, the first one first. */
  readonly roots: readonly { readonly name: string; readonly version: string }[]
  readonly resolution: string
  /** Interpreter, system, processor and C library that it is for. */
  readonly abi: string
  /** Packages in all. */
  readonly packages: number
  readonly executables: Readonly<Record<string, Executable>>
  /** Those with install scripts, which did not run unless allowed. */
  readonly scripts: readonly Script[]
  readonly files: number
  readonly bytes: number
  readonly filesSha256: string
  readonly watchedSha256: string
}

export interface Executable {
  /** Which of the roots brings it. */
  readonly package: string
  /** Relative to the tree. */
  readonly path: string
  /** Arguments for the interpreter; null: it is started by itself. */
  readonly interpreterArgs: readonly string[] | null
}

export interface Script {
  readonly name: string
  readonly version: string
  /** It ran, because it was allowed by name. */
  readonly ran: boolean
}

/** One line of `files.json`: path, kind (`d`, `f`, `x` executable, `l`), and SHA-256 or a link's target. */
export type FileLine = readonly [path: string, kind: 'd' | 'f' | 'x' | 'l', content: string]

export const treeOf = (store: Store, key: string): string => join(store.packages, key, 'tree')

/** The record of an installed package; undefined when it is not installed. */
export function readRecord(store: Store, key: string): PackageRecord | undefined {
  const text = readIfThere(join(store.packages, key, 'record.json'))
  if (text === undefined) return undefined
  const record = JSON.parse(text) as PackageRecord
  if (record.schema === 'glovebox/package/1' && record.key === key) return record
  throw new GloveboxError('REFUSED', `the record of the package ${key} is not what was installed`, {
    fix: `glovebox package purge ${key}, then start it again: the pinned versions are installed anew`,
  })
}

/** The text of a file; undefined when it is not there. */
export function readIfThere(path: string): string | undefined {
  try {
    return readFileSync(path, 'utf8')
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ENOTDIR'))
      return undefined
    throw error
  }
}
