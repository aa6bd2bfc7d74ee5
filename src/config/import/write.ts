import type { Places } from '../../system/places.ts'
import { applyEdits, targetOf } from '../edit/servers.ts'
import { readConfig } from '../file.ts'
import { readSourceIfThere } from '../source.ts'
import { planImport, type Planned } from './apply.ts'
import type { ImportedFile } from './import-file.ts'

export interface Written extends Omit<Planned, 'edits'> {
  readonly file: string
  readonly backup: string | undefined
}

/**
 * Adds what was imported to the project's configuration, or to the user's, in the spelling that it has; a new glovebox.json
 * where there is none. What was there is copied beside it first.
 */
export async function writeImport(
  imported: ImportedFile,
  options: { cwd: string; places: Places; user: boolean; replace: boolean },
): Promise<Written> {
  const { cwd, places, user, replace } = options
  const target = targetOf({ cwd, places, scope: user ? 'user' : 'project', config: undefined })
  const before = readSourceIfThere(target.path)
  const { config } = before === undefined ? { config: {} } : await readConfig(before)
  const { edits, ...planned } = planImport(config, imported, { replace })
  if (edits.length === 0) return { file: target.path, backup: undefined, ...planned }
  const { path, backup } = await applyEdits(target, before, edits, places)
  return { file: path, backup, ...planned }
}
