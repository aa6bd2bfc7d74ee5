import { fieldsOf, fold, isArray, isObject, isRefusal, isString, keyOf, stringAt, textOf } from './json-read.ts'
import type { JsonScanner, Span } from './json-scan.ts'
import type { GuardLimits } from './limits.ts'
import { hasHidden, hasHiddenInTitle, visible } from './names.ts'
import { refusal } from './refusal.ts'
import type { Refusal } from './refusal.ts'
import type { ToolRules } from './tool-rules.ts'

export interface ToolListRuling {
  /** What to leave out of the message so that the hidden tools are gone; the rest stays as the server spelled it. */
  readonly cuts: readonly Span[]
  /** Tools hidden for what they are, which is worth a record, and not because the policy says so. */
  readonly suspicious: readonly Refusal[]
}

export type ToolListFilter = (bytes: Buffer, tools: Span) => ToolListRuling | Refusal

export function createToolListFilter(rules: ToolRules, scan: JsonScanner, limits: GuardLimits): ToolListFilter {
  return (bytes, tools) => {
    if (!isArray(bytes, tools)) return refusal('bad-result', 'The result of tools/list must have an array of tools.')
    const { fault, members } = scan(bytes, tools.start, tools.end, limits.members)
    if (fault !== undefined) return refusal(fault, `The result of tools/list has more than ${limits.members} tools.`)
    const suspicious: Refusal[] = []
    const kept = members.map((tool) => {
      const verdict = judge(bytes, tool)
      if (typeof verdict !== 'boolean') suspicious.push(verdict)
      return verdict === true
    })
    return { cuts: cutsFor(members, kept), suspicious }
  }

  /** Whether the tool is shown, or what is wrong with it. */
  function judge(bytes: Buffer, tool: Span): boolean | Refusal {
    if (!isObject(bytes, tool)) return refusal('bad-result', 'An entry of tools/list is not an object: hidden.')
    const fields = fieldsOf(
      bytes,
      scan(bytes, tool.start, tool.end, limits.members),
      ['name', 'title', 'annotations'],
      'A tool',
    )
    if (isRefusal(fields)) return { ...fields, detail: `${fields.detail} It is hidden.` }
    const nameSpan = fields.get('name')
    if (nameSpan === undefined || !isString(bytes, nameSpan))
      return refusal('bad-result', 'A tool has no name that is a string: hidden.')
    const name = textOf(bytes, nameSpan.start + 1, nameSpan.end - 1)
    const shown = visible(name, limits.nameLength)
    if (hasHidden(name))
      return refusal(
        'hidden-character',
        `The name of the tool ${shown} has a control character or hidden Unicode in it: hidden.`,
      )
    if (name.length > limits.nameLength)
      return refusal(
        'bad-result',
        `The name of the tool ${shown} is longer than ${limits.nameLength} characters: hidden.`,
      )
    if (!rules.judge(name).allowed) return false
    const titles = [fields.get('title') ?? [], titlesOfAnnotations(bytes, fields.get('annotations'))].flat()
    const disguised = titles.some((title) => hasHiddenInTitle(stringAt(bytes, title) ?? ''))
    return disguised
      ? refusal(
          'hidden-character',
          `The title of the tool ${shown} has a control character or hidden Unicode in it: hidden.`,
        )
      : true
  }

  function titlesOfAnnotations(bytes: Buffer, annotations: Span | undefined): Span[] {
    if (annotations === undefined || !isObject(bytes, annotations)) return []
    const { members } = scan(bytes, annotations.start, annotations.end, limits.members)
    return members.filter((member) => fold(keyOf(bytes, member)) === 'title')
  }
}

/** The ranges that take the elements not kept out of an array, each with one of the commas beside it. */
export function cutsFor(elements: readonly Span[], kept: readonly boolean[]): Span[] {
  const cuts: Span[] = []
  const lastKept = kept.lastIndexOf(true)
  elements.forEach((element, index) => {
    if (kept[index] === true) return
    const next = elements[index + 1]
    if (index < lastKept && next !== undefined) cuts.push({ start: element.start, end: next.start })
    // Behind the last one kept there is no comma after: the one before goes.
    else cuts.push({ start: elements[index - 1]?.end ?? element.start, end: element.end })
  })
  return cuts
}

/** The bytes of a range without the cuts, which are in order and do not overlap. */
export function withoutCuts(bytes: Buffer, range: Span, cuts: readonly Span[]): Buffer {
  const pieces: Buffer[] = []
  let from = range.start
  for (const cut of cuts) {
    pieces.push(bytes.subarray(from, cut.start))
    from = cut.end
  }
  pieces.push(bytes.subarray(from, range.end))
  return Buffer.concat(pieces)
}
