import { GloveboxError } from '../errors.ts'

const units: Readonly<Record<string, number>> = { s: 1000, m: 60_000, h: 3_600_000, d: 86_400_000, w: 604_800_000 }

/**
 * A point in time as people write it: `2h` (so long ago), `2026-11-21`, `2026-11-21 07:30`, `07:30` (today), `now`. Local, unless a zone is given.
 * @throws GloveboxError USAGE naming the flag
 */
export function parseWhen(text: string, flag: string, now: number): number {
  const given = text.trim()
  if (given === 'now') return now
  const [, count, unit = ''] = /^(\d{1,6})([smhdw])$/.exec(given) ?? []
  if (count !== undefined) return now - Number(count) * (units[unit] ?? 0)
  const time = Date.parse(asDate(given, now))
  if (Number.isFinite(time)) return time
  throw new GloveboxError('USAGE', `${flag} ${text}: not a point in time`, {
    fix: 'such as 2h, 7d, 07:30, 2026-11-21, "2026-11-21 07:30" or 2026-11-21T07:30:00Z',
  })
}

/** In the form that ECMA-262 defines ("Date Time String Format"); nothing where it is none of ours. */
function asDate(given: string, now: number): string {
  const clock = /^(\d{2}):(\d{2})(:\d{2})?$/.test(given)
  if (clock) return `${localDay(new Date(now))}T${given}`
  const [, day, time, zone = ''] =
    /^(\d{4}-\d{2}-\d{2})(?:[T ](\d{2}:\d{2}(?::\d{2}(?:\.\d{1,3})?)?)(Z|[+-]\d{2}:\d{2})?)?$/.exec(given) ?? []
  // A day alone would be taken as UTC.
  return day === undefined ? '' : `${day}T${time ?? '00:00'}${zone}`
}

function localDay(date: Date): string {
  const two = (value: number): string => String(value).padStart(2, '0')
  return `${date.getFullYear()}-${two(date.getMonth() + 1)}-${two(date.getDate())}`
}
