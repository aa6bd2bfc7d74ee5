import { untrusted } from './untrusted.ts'

/** At most so many are named. */
const shown = 20

/** What `cp` says: nothing where all went well, as cp(1); what was left out on stderr. */
export function renderCopied(
  { bytes, leftOut }: { readonly bytes: number; readonly leftOut: readonly string[] },
  { json, toStdout }: { json: boolean; toStdout: boolean },
): { out: string; err: string } {
  const names = leftOut.slice(0, shown).map((name) => `  ${untrusted(name)}\n`)
  const more = leftOut.length > shown ? `  and ${leftOut.length - shown} more\n` : ''
  const err =
    leftOut.length === 0
      ? ''
      : `glovebox: left out, since they are no files, directories, or links that stay within:\n${names.join('')}${more}`
  // Stdout is the archive's own.
  if (!json || toStdout) return { out: '', err }
  return { out: `${JSON.stringify({ schema: 'glovebox/cp/1', contentBytes: bytes, leftOut })}\n`, err }
}
