import { createHash } from 'node:crypto'
import { existsSync, readdirSync } from 'node:fs'
import { basename, join } from 'node:path'
import { GloveboxError } from '../../errors.ts'
import { profileFile, requireInside } from '../profile/folder.ts'
import { readSource, type Source } from '../source.ts'

/** All files of a project that decide what its servers may do, as they were read once. */
export interface Fingerprint {
  readonly files: readonly TrustedFile[]
  readonly sha256: string
}

export interface TrustedFile {
  /** Relative to the project: `glovebox.json`, `profiles/files.profile`. */
  readonly name: string
  readonly text: string
}

const maxFiles = 256

/**
 * The configuration of a project with its profiles. What is used afterwards has to come from here,
 * so that what is hashed is what holds.
 * @throws GloveboxError POLICY_INVALID
 */
export function fingerprint(directory: string, config: Source): Fingerprint {
  const files = [{ name: basename(config.path), text: config.text }, ...profileFiles(join(directory, 'profiles'))]
  return { files, sha256: digest(files) }
}

export function digest(files: readonly TrustedFile[]): string {
  return createHash('sha256')
    .update(JSON.stringify(files.map(({ name, text }) => [name, text])))
    .digest('hex')
}

function profileFiles(folder: string): TrustedFile[] {
  if (!existsSync(folder)) return []
  const names = readdirSync(folder).filter((name) => profileFile.test(name))
  if (names.length > maxFiles) {
    throw new GloveboxError('POLICY_INVALID', `${folder}: ${names.length} profiles are more than ${maxFiles}`, {
      fix: 'keep those that are used',
    })
  }
  return names.toSorted().map((name) => {
    requireInside(join(folder, name), folder)
    return { name: `profiles/${name}`, text: readSource(join(folder, name)).text }
  })
}
