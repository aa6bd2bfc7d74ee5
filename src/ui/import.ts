import type { ImportedFile } from '../config/import/import-file.ts'
import type { Written } from '../config/import/write.ts'
import type { Style } from './style.ts'
import { table } from './table.ts'
import { untrusted } from './untrusted.ts'

/** What was understood, line by line. */
export function renderNotes({ file, format, notes }: ImportedFile, style: Style): string {
  const colour = { taken: style.good, changed: style.good, 'left out': style.dim, look: style.warn }
  const rows = notes.map(({ line, key, verdict, say }) => [
    style.dim(String(line)),
    colour[verdict](verdict),
    untrusted(key),
    untrusted(say),
  ])
  return `${untrusted(file)}: ${format}\n${rows.length === 0 ? '' : `${table(rows)}\n`}`
}

export function renderWritten({ file, backup, added, kept, waiting }: Written): string {
  const lines = [
    added.length === 0 ? `nothing was written to ${file}` : `${added.map(untrusted).join(', ')}: written to ${file}`,
    ...(backup === undefined ? [] : [`what was there is in ${backup}`]),
    ...(kept.length === 0 ? [] : [`${kept.map(untrusted).join(', ')}: already there, left as it is (--replace)`]),
    ...(waiting.length === 0
      ? []
      : [`${waiting.map(untrusted).join(', ')}: no such server here, import its command first`]),
  ]
  return `${lines.join('\n')}\n`
}
