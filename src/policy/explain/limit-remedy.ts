import { parseSize } from '../sizes.ts'
import type { Attempt, Found } from './attempt.ts'

/** Twice of what was not enough, by the sentence that the launcher or the guard wrote down. */
export function limitRemedy({ rule, detail }: Attempt): Found {
  const limit = rule.replace(/^limits\./, '')
  const value = doubled(limit, detail)
  if (value === undefined) return { remedy: null, notes: [`the policy's limits.${limit} says how much it may be`] }
  return {
    remedy: { flag: `--${limit} ${value}`, grant: { how: 'set', key: ['limits', limit], value }, applies: true },
    notes: [
      'this is twice of what it had: whether that is enough, or it would take whatever it is given, is not in the record',
    ],
  }
}

function doubled(limit: string, detail: string): string | number | undefined {
  if (limit === 'memory') {
    const size = /more than its (\d+(?:\.\d+)? [KMGT]?i?B)/.exec(detail)?.[1]
    return size === undefined ? undefined : `${Math.ceil((2 * parseSize(size, 'limits.memory')) / 1024 ** 2)}M`
  }
  if (limit === 'pids') {
    const count = /more than (\d+) processes/.exec(detail)?.[1]
    return count === undefined ? undefined : 2 * Number(count)
  }
  if (limit !== 'time') return undefined
  const [, amount, unit] = /longer than (?:its )?(\d+(?:\.\d+)?) (ms|s)\b/.exec(detail) ?? []
  return amount === undefined ? undefined : `${2 * Number(amount)}${unit}`
}
