import type { PortRange } from '../network.ts'
import { mistake, type Reading } from './reading.ts'

/** What a rule of `allow` means that names no port. */
export const defaultPort = 443

/** What a rule of `deny` means that names no port: who denies a name does not mean one port of it. */
export const everyPort: readonly PortRange[] = [{ from: 1, to: 65_535 }]

/** For each port there is a listener inside. */
export const maxPorts = 1024

/** `443`, `443,8443`, `8000-8010,9000`. */
export function readPorts(text: string): Reading<readonly PortRange[]> {
  if (text === '') return mistake('has a colon and no port behind it', 'write the port, or leave the colon out for 443')
  if (text === '*') {
    return mistake(
      'asks for every port',
      `name the ports, at most ${maxPorts}, such as NAME:443,8443 or NAME:8000-8010`,
    )
  }
  const ranges: PortRange[] = []
  for (const word of text.split(',')) {
    const [, first, last = first] = /^(\d{1,9})(?:-(\d{1,9}))?$/.exec(word) ?? []
    if (first === undefined) {
      return mistake(
        'has something behind its colon that is no port',
        'ports are numbers: NAME:443,8443 or NAME:8000-8010',
      )
    }
    const range = { from: Number(first), to: Number(last) }
    if (range.from < 1 || Math.max(range.from, range.to) > 65_535) {
      return mistake(
        `has a port that does not exist: ${range.from < 1 ? 0 : Math.max(range.from, range.to)}`,
        'ports are 1 to 65535',
      )
    }
    if (range.to < range.from) {
      return mistake('has a range of ports that ends before it begins', `write ${range.to}-${range.from}`)
    }
    ranges.push(range)
  }
  const ports = joinPorts(ranges)
  return { value: ports }
}

/** Ascending and disjoint. */
export function joinPorts(ranges: readonly PortRange[]): PortRange[] {
  const joined: PortRange[] = []
  for (const range of ranges.toSorted((a, b) => a.from - b.from)) {
    const last = joined.at(-1)
    if (last === undefined || range.from > last.to + 1) joined.push(range)
    else joined[joined.length - 1] = { from: last.from, to: Math.max(last.to, range.to) }
  }
  return joined
}

export function countPorts(ranges: readonly PortRange[]): number {
  return joinPorts(ranges).reduce((sum, { from, to }) => sum + to - from + 1, 0)
}

export function hasPort(ranges: readonly PortRange[], port: number): boolean {
  return ranges.some(({ from, to }) => port >= from && port <= to)
}

/** Whether some port of `ranges` is in none of `taken`. */
export function hasPortBeside(ranges: readonly PortRange[], taken: readonly PortRange[]): boolean {
  const cover = joinPorts(taken)
  return ranges.some((range) => !cover.some(({ from, to }) => from <= range.from && range.to <= to))
}

/** `443,8000-8010`. */
export function formatPorts(ranges: readonly PortRange[]): string {
  return ranges.map(({ from, to }) => (from === to ? String(from) : `${from}-${to}`)).join(',')
}
