import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import path from 'node:path'
import { ordinaryUid } from '../../test/support/as-user.ts'

/**
 * Where all test processes, and the commands that they start, keep what Node has compiled for them. A clone runs from its
 * sources, and a test has a home of its own, so that each start would compile some three hundred modules for itself: half a
 * second of a processor each, for thousands of starts. Each identity has its own: it is code that they run.
 * @returns the variable for our own identity, beside whose directory `test/support/as-user.ts` finds the other one's
 */
export function shareCompiled(): { readonly env: Readonly<Record<string, string>>; readonly remove: () => void } {
  // Below /tmp and not below TMPDIR, which may be inside a directory that only root enters.
  const base = mkdtempSync('/tmp/glovebox-compiled-')
  const uid = process.getuid?.() ?? -1
  const made = (whose: number): string => {
    const directory = path.join(base, `${whose}`)
    mkdirSync(directory, { mode: 0o700 })
    if (whose !== uid) chownSync(directory, whose, whose)
    return directory
  }
  const own = made(uid)
  if (uid === 0) {
    made(ordinaryUid)
    chmodSync(base, 0o711)
  }
  return { env: { NODE_COMPILE_CACHE: own }, remove: () => rmSync(base, { recursive: true, force: true }) }
}
