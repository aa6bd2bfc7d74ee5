import { quoted } from '../schema/words.ts'
import type { KeyPath } from '../tree.ts'
import type { ImportedServer, Notebook } from './imported.ts'

/** Nobody sets this variable; to copy it is an error, with the place of this line. */
const guard = 'GLOVEBOX_IMPORT_UNFINISHED'

/**
 * A server with texts that its client would have replaced, and nobody replaces here: it is off until they are written.
 * `glovebox enable` alone must not start it, since it would start something else than was meant.
 */
export function untilWritten(
  server: ImportedServer,
  missing: readonly string[],
  { at, path }: { at: number; path: KeyPath },
  book: Notebook,
): ImportedServer {
  if (missing.length === 0) return server
  const texts = [...new Set(missing)].map(quoted).join(', ')
  if (server.command === undefined) {
    book.note(at, path, 'look', `it is off: write the value of ${texts}, then remove "enabled": false`)
    return { ...server, enabled: false }
  }
  book.note(at, path, 'look', `it is off: write the value of ${texts}, then remove "enabled": false and env.${guard}`)
  return { ...server, env: { ...server.env, [guard]: `\${env:${guard}}` }, enabled: false }
}
