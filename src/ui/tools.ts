import {
  saysTheSame,
  textOf,
  type ChangedField,
  type ToolDiff,
  type ToolsCompared,
} from '../packages/manage/tool-diff.ts'
import { diffLines } from './diff.ts'
import type { Style } from './style.ts'
import { untrusted } from './untrusted.ts'

/** What an update changes of the tools of each server. All of it is text of a server's, and shown as such. */
export function renderTools(compared: readonly ToolsCompared[], style: Style): string {
  return compared.map((each) => renderServer(each, style)).join('')
}

function renderServer(compared: ToolsCompared, style: Style): string {
  const title = `  tools of ${untrusted(compared.server)}`
  if (!compared.compared) return `${title}: ${style.warn('could not be compared')}: ${untrusted(compared.why)}\n`
  if (saysTheSame(compared.diff)) return `${title}: they are the same\n`
  return `${title}:\n${changes(compared.diff, style)
    .map((line) => `    ${line}\n`)
    .join('')}`
}

function changes({ added, removed, changed, instructions }: ToolDiff, style: Style): string[] {
  return [
    ...added.flatMap(({ name, about }) => [
      `${style.warn('new tool')} ${untrusted(name)}`,
      ...textOf(about['description'])
        .split('\n')
        .map((line) => `  ${untrusted(line)}`),
    ]),
    ...removed.map((name) => `tool gone ${untrusted(name)}`),
    ...changed.flatMap(({ name, fields }) => [
      `${style.warn('tool changed')} ${untrusted(name)}`,
      ...fields.flatMap((field) => fieldLines(field, style)),
    ]),
    ...(instructions === undefined
      ? []
      : [style.warn('instructions to the model changed'), ...fieldLines(instructions, style)]),
  ]
}

function fieldLines({ field, from, to }: ChangedField, style: Style): string[] {
  return [`  ${untrusted(field)}`, ...diffLines(from, to, 2).map(({ mark, text }) => `  ${marked(mark, text, style)}`)]
}

function marked(mark: ' ' | '-' | '+', text: string, style: Style): string {
  const line = `${mark} ${untrusted(text)}`
  return mark === '+' ? style.good(line) : mark === '-' ? style.bad(line) : line
}
