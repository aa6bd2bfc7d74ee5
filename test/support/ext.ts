import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, rmSync } from 'node:fs'
import { unlessPresent } from './requirement.ts'

/** Where Debian has it; not in the PATH of ordinary users. */
const mke2fs = '/usr/sbin/mke2fs'

/** For node:test's `skip`. */
export function unlessExt(): string | false {
  return unlessPresent('EXT', existsSync(mke2fs) ? undefined : 'there is no mke2fs (Debian: e2fsprogs)')
}

export interface ExtOptions {
  readonly tree: string
  readonly type?: 'ext2' | 'ext3' | 'ext4'
  readonly features?: string
  /** With a unit, `8M`. */
  readonly size?: string
  readonly more?: readonly string[]
}

/** A file system with what is in a directory, as people make theirs. */
export function makeExt(file: string, { tree, type = 'ext4', features, size = '8M', more = [] }: ExtOptions): void {
  rmSync(file, { force: true })
  const flags = ['-q', '-F', '-t', type, ...(features === undefined ? [] : ['-O', features]), '-d', tree, ...more]
  const made = spawnSync(mke2fs, [...flags, file, size], { encoding: 'utf8' })
  assert.equal(made.status, 0, made.stderr)
}
