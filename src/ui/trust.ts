import type { Review } from '../config/trust/review.ts'
import { diffLines } from './diff.ts'
import type { Style } from './style.ts'
import { untrusted } from './untrusted.ts'

/** All that a user says yes to: the files of an unknown project, or what has changed since the last yes. */
export function renderReview({ directory, state, changes }: Review, style: Style): string {
  const since = state.state === 'unknown' ? 'nobody has looked at it yet' : `changed since ${state.record.recorded}`
  const files = changes
    .filter(({ before, now }) => before !== now)
    .map(({ name, before, now }) => {
      const what = before === undefined ? '' : now === undefined ? ' (removed)' : ' (changed)'
      return `\n${style.bold(untrusted(name) + what)}\n${fileLines(before, now, style).join('\n')}\n`
    })
  return `${untrusted(directory)}: ${since}\n${files.join('')}`
}

function fileLines(before: string | undefined, now: string | undefined, style: Style): string[] {
  if (before === undefined)
    return (now ?? '')
      .replace(/(\r\n|\n|\r)$/, '')
      .split(/\r\n|\n|\r/)
      .map((line) => `  ${shown(line)}`)
  return diffLines(before, now ?? '').map(({ mark, text }) => {
    const line = `${mark} ${shown(text)}`
    return mark === '+' ? style.good(line) : mark === '-' ? style.bad(line) : style.dim(line)
  })
}

/** Tabs are layout; every other control character is shown as what it is. */
function shown(line: string): string {
  return untrusted(line.replaceAll('\t', '  '))
}
