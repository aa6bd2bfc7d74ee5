import type { Edited } from '../config/edit/servers.ts'
import { spellPath } from '../config/tree.ts'
import type { Attempt, Explanation, Remedy } from '../policy/explain/attempt.ts'
import type { Style } from './style.ts'
import { untrusted } from './untrusted.ts'

/** Why something was blocked, for people. */
export function renderExplanation(
  { attempt, times }: { readonly attempt: Attempt; readonly times: number },
  { what, rule, why, remedy, notes }: Explanation,
  style: Style,
): string {
  const again = times > 1 ? ` It is the last of ${times} like it.` : ''
  return [
    `${style.dim(untrusted(attempt.id))} ${whenOf(attempt.time)}`,
    `${untrusted(what)}${again}`,
    '',
    `rule    ${untrusted(rule)}`,
    `        ${untrusted(why)}`,
    ...(remedy === null ? ['', 'Nothing allows this.'] : ['', ...remedyLines(remedy, style)]),
    ...notes.map((note) => `note    ${untrusted(note)}`),
    '',
  ].join('\n')
}

function remedyLines(remedy: Remedy, style: Style): string[] {
  return [
    ...(remedy.flag === undefined ? [] : [`flag    ${style.bold(untrusted(remedy.flag))}`]),
    `config  ${style.bold(untrusted(configLine(remedy)))}`,
  ]
}

/** The grant as it is written in a configuration: `"network": { "allow": ["…"] }`. */
export function configLine({ grant }: Remedy): string {
  if (grant.how === 'remove') return `take ${JSON.stringify(grant.value)} out of sandbox.${spellPath(grant.key)}`
  const value = grant.how === 'add' ? `[${JSON.stringify(grant.value)}]` : JSON.stringify(grant.value)
  const nested = ['sandbox', ...grant.key].reduceRight((inner, key) => `{ ${JSON.stringify(key)}: ${inner} }`, value)
  return nested.slice(2, -2)
}

function whenOf(time: number | undefined): string {
  return time === undefined ? '' : new Date(time).toLocaleString('sv-SE')
}

export function explanationJson(
  { attempt, times }: { readonly attempt: Attempt; readonly times: number },
  explanation: Explanation,
  applied: Edited | undefined,
): string {
  const document = {
    schema: 'glovebox/policy-explain/1',
    event: attempt,
    times,
    ...explanation,
    config: explanation.remedy === null ? null : configLine(explanation.remedy),
    applied: applied === undefined ? null : { file: applied.path, backup: applied.backup ?? null },
  }
  // A key that has no value is there all the same: the shape is the same for every event.
  return `${JSON.stringify(document, (_key, value: unknown) => value ?? null, 2)}\n`
}
