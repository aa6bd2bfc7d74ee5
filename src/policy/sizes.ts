import { GloveboxError } from '../errors.ts'

const units: Readonly<Record<string, number>> = { '': 1, b: 1, k: 1024, m: 1024 ** 2, g: 1024 ** 3, t: 1024 ** 4 }
const durations: Readonly<Record<string, number>> = { ms: 1, s: 1000, m: 60_000, h: 3_600_000 }

/**
 * Bytes from `512M`, `1.5G`, `64KiB`; K, M, G, T are powers of 1024.
 * A bare number counts in `bareUnit` bytes (MiB for memory, as docker users of `launch` expect).
 * @throws GloveboxError POLICY_INVALID, naming `what`
 */
export function parseSize(text: string, what: string, bareUnit: number = 1024 ** 2): number {
  const match = /^(\d+(?:\.\d+)?)\s*([bkmgt]?)(i?b)?$/i.exec(text.trim())
  const unit = match?.[2]?.toLowerCase() ?? ''
  const scale = unit === '' && match?.[3] === undefined ? bareUnit : units[unit]
  const bytes = Math.floor(Number(match?.[1]) * (scale ?? Number.NaN))
  if (!match || !Number.isSafeInteger(bytes) || bytes <= 0) {
    throw new GloveboxError('POLICY_INVALID', `${what}: "${text}" is not a size`, {
      fix: 'write a number with K, M or G, such as 512M',
    })
  }
  return bytes
}

/**
 * Milliseconds from `90s`, `10m`, `1.5h`, `250ms`; a bare number counts in seconds.
 * @throws GloveboxError POLICY_INVALID, naming `what`
 */
export function parseDuration(text: string, what: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*(ms|s|m|h)?$/i.exec(text.trim())
  const ms = Math.round(Number(match?.[1]) * (durations[match?.[2]?.toLowerCase() ?? 's'] ?? Number.NaN))
  // setTimeout and the launcher's timer both hold 2^31 - 1 ms, 24 days.
  if (!match || !Number.isSafeInteger(ms) || ms <= 0 || ms > 2 ** 31 - 1) {
    throw new GloveboxError('POLICY_INVALID', `${what}: "${text}" is not a duration`, {
      fix: 'write a number with ms, s, m or h, such as 30s',
    })
  }
  return ms
}

/**
 * A positive number such as `2` or `0.5`.
 * @throws GloveboxError POLICY_INVALID, naming `what`
 */
export function parseCpus(text: string, what: string): number {
  const cpus = Number(text)
  if (!/^\d+(\.\d+)?$/.test(text.trim()) || cpus < 0.01 || cpus > 1024) {
    throw new GloveboxError('POLICY_INVALID', `${what}: "${text}" is not a number of CPUs`, {
      fix: 'write a number from 0.01 to 1024, such as 0.5 or 2',
    })
  }
  return cpus
}

/**
 * A positive integer.
 * @throws GloveboxError POLICY_INVALID, naming `what`
 */
export function parseCount(text: string, what: string): number {
  const count = Number(text)
  if (!/^\d+$/.test(text.trim()) || count < 1 || count > 2 ** 31 - 1) {
    throw new GloveboxError('POLICY_INVALID', `${what}: "${text}" is not a whole number of at least 1`, {
      fix: 'write a number such as 128',
    })
  }
  return count
}

/** `512 MiB`, `1.5 GiB`: at most one decimal, exact where it can be. */
export function formatBytes(bytes: number): string {
  const names = ['B', 'KiB', 'MiB', 'GiB', 'TiB']
  let value = bytes
  let index = 0
  while (value >= 1024 && index < names.length - 1) {
    value /= 1024
    index++
  }
  return `${Number.isInteger(value) ? value : value.toFixed(1)} ${names[index]}`
}
