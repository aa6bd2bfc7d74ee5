import { createHash } from 'node:crypto'
import {
  closeSync,
  existsSync,
  fsyncSync,
  openSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  writeSync,
} from 'node:fs'
import { join } from 'node:path'
import { GloveboxError, messageOf } from '../../errors.ts'
import { makeDirectory } from '../../system/make-directory.ts'
import type { Fingerprint, TrustedFile } from './fingerprint.ts'
import { digest } from './fingerprint.ts'

/** What a user has seen of a project and said yes to. */
export interface TrustRecord {
  readonly directory: string
  readonly recorded: string
  readonly files: readonly TrustedFile[]
  readonly sha256: string
}

export type TrustState =
  | { readonly state: 'trusted'; readonly record: TrustRecord }
  | { readonly state: 'changed'; readonly record: TrustRecord }
  | { readonly state: 'unknown' }

/** Whether what was read of a project is what its user has said yes to. `stateDirectory` is the place for our state. */
export function trustState(stateDirectory: string, directory: string, now: Fingerprint): TrustState {
  const record = readRecord(stateDirectory, directory)
  if (record === undefined) return { state: 'unknown' }
  return { state: record.sha256 === now.sha256 ? 'trusted' : 'changed', record }
}

/** The record for a project. One that is damaged is none: the user is asked again. */
export function readRecord(stateDirectory: string, directory: string): TrustRecord | undefined {
  const file = recordFile(stateDirectory, directory)
  if (!existsSync(file)) return undefined
  const record = parseRecord(readFileSync(file, 'utf8'))
  return record !== undefined && record.directory === realpathSync.native(directory) ? record : undefined
}

function parseRecord(text: string): TrustRecord | undefined {
  const value = parseJson(text)
  if (typeof value !== 'object' || value === null) return undefined
  const { directory, recorded, files, sha256 } = value as Record<string, unknown>
  if (typeof directory !== 'string' || typeof recorded !== 'string' || !Array.isArray(files)) return undefined
  if (!files.every(isTrustedFile) || sha256 !== digest(files)) return undefined
  return { directory, recorded, files, sha256 }
}

function parseJson(text: string): unknown {
  try {
    return JSON.parse(text)
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

function isTrustedFile(value: unknown): value is TrustedFile {
  return (
    typeof value === 'object' &&
    value !== null &&
    'name' in value &&
    'text' in value &&
    typeof value.name === 'string' &&
    typeof value.text === 'string'
  )
}

/** Keeps a user's yes. The texts are kept too, so that a later change can be shown; they may hold secrets: 0600. */
export function writeRecord(stateDirectory: string, directory: string, seen: Fingerprint): void {
  const file = recordFile(stateDirectory, directory)
  const record = {
    schema: 'glovebox/trust-record/1',
    directory: realpathSync.native(directory),
    recorded: new Date().toISOString(),
    sha256: seen.sha256,
    files: seen.files,
  }
  try {
    makeDirectory(join(stateDirectory, 'trust'))
    const fresh = `${file}.${process.pid}`
    const fd = openSync(fresh, 'w', 0o600)
    writeSync(fd, `${JSON.stringify(record, null, 2)}\n`)
    fsyncSync(fd)
    closeSync(fd)
    renameSync(fresh, file)
  } catch (cause) {
    throw new GloveboxError('FAILED', `${file}: cannot be written: ${messageOf(cause)}`, {
      cause,
      fix: 'check the disk and the permissions',
    })
  }
}

/** Takes a yes back; whether there was one. */
export function removeRecord(stateDirectory: string, directory: string): boolean {
  const file = recordFile(stateDirectory, directory)
  const there = existsSync(file)
  rmSync(file, { force: true })
  return there
}

function recordFile(stateDirectory: string, directory: string): string {
  const name = createHash('sha256').update(realpathSync.native(directory)).digest('hex').slice(0, 32)
  return join(stateDirectory, 'trust', `${name}.json`)
}
