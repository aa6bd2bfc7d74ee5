import { lstatSync, realpathSync } from 'node:fs'
import type { SystemPath } from '../../policy/host-facts.ts'
import { systemConfiguration, systemPrograms } from '../../policy/system-paths.ts'

/** What of a sandbox's read-only system this host has. Links at the top (`/bin` on a merged-/usr system) are made by the launcher. */
export function inspectSystem(): SystemPath[] {
  return [...present(systemPrograms, true), ...present(systemConfiguration, false)]
}

function present(paths: readonly string[], exec: boolean): SystemPath[] {
  const found: SystemPath[] = []
  for (const path of paths) {
    const stat = lstatSync(path, { throwIfNoEntry: false })
    if (stat === undefined || (exec && stat.isSymbolicLink())) continue
    found.push({ path, source: stat.isSymbolicLink() ? realpathSync.native(path) : path, exec })
  }
  return found
}
