import { copyFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { GloveboxError } from '../../errors.ts'
import { writeWhole } from '../../system/write-whole.ts'
import { readConfig } from '../file.ts'
import { fileIn, findProjectFile } from '../find.ts'
import { readSource } from '../source.ts'
import { spellingOf } from '../spelling.ts'
import { applyImport, type Applied } from './apply.ts'
import type { ImportedFile } from './import-file.ts'

export interface Written extends Omit<Applied, 'text'> {
  readonly file: string
  readonly backup: string | undefined
}

/**
 * Adds what was imported to the project's configuration, or to the user's; a new glovebox.json where there is none.
 * What was there is copied beside it first.
 */
export async function writeImport(
  imported: ImportedFile,
  options: { cwd: string; userDirectory: string; user: boolean; replace: boolean },
): Promise<Written> {
  const { cwd, userDirectory, user, replace } = options
  const found = user ? fileIn(userDirectory) : findProjectFile(cwd, userDirectory)
  if (found === undefined) {
    const file = join(user ? userDirectory : cwd, 'glovebox.json')
    const { text, ...applied } = applyImport('{}\n', {}, imported, { replace })
    if (applied.added.length > 0) writeWhole(file, text, 0o600)
    return { file, backup: undefined, ...applied }
  }
  const source = readSource(found.path)
  if (spellingOf(found.path) !== 'json') {
    throw new GloveboxError('USAGE', `${found.path}: an import is written into JSON only`, {
      fix: 'glovebox import FILE --print shows the servers; write them into it',
    })
  }
  const { config } = await readConfig(source)
  const { text, ...applied } = applyImport(source.text, config, imported, { replace })
  if (applied.added.length === 0) return { file: found.path, backup: undefined, ...applied }
  const backup = `${found.path}.${new Date().toISOString().replaceAll(':', '')}.bak`
  copyFileSync(found.path, backup)
  writeWhole(found.path, text, statSync(found.path).mode & 0o777)
  return { file: found.path, backup, ...applied }
}
