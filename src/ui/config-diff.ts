import { diffLines } from './diff.ts'
import type { Style } from './style.ts'
import { untrusted } from './untrusted.ts'

/** What a change does to a file, for a person to say yes to. */
export function renderConfigDiff(path: string, before: string, after: string, style: Style): string {
  const lines = diffLines(before, after).map(({ mark, text }) => {
    // Tabs are layout; what else does not show is shown as what it is.
    const line = `${mark} ${untrusted(text.replaceAll('\t', '  '))}`
    return mark === '+' ? style.good(line) : mark === '-' ? style.bad(line) : style.dim(line)
  })
  return `${style.bold(untrusted(path))}\n${lines.join('\n')}\n`
}
