import type { Direction } from '../../src/protocol/facts.ts'
import type { Random } from './random.ts'

export interface TranscriptLine {
  readonly from: 'client' | 'server'
  readonly line: string
}

/** Makes lines that are messages, nearly messages, or nothing of the kind. None has a newline in it. */
export interface FrameMaker {
  /** `waiting`: JSON of ids that the other side waits for, so that some answers fit. */
  make(direction: Direction, waiting: readonly string[]): Buffer
  mutate(line: Buffer): Buffer
}

const toolNames = [
  'echo',
  'safe_read',
  'hidden',
  'Hidden',
  'hidden_2',
  'HIDDEN',
  'hid\\u0064en',
  ' hidden',
  'hid\u200bden',
  'e\\u0063ho',
  '',
]
const requestMethods = [
  'tools/call',
  'tools/list',
  'initialize',
  'server/discover',
  'subscriptions/listen',
  'ping',
  'x.y/z',
  'tools\\/call',
  'Tools/Call',
  'tools/call ',
  '',
]
const notificationMethods = [
  'notifications/cancelled',
  'notifications/progress',
  'notifications/message',
  'tools/call',
  'notifications/initialized',
  'ü',
]
const ids = [
  '0',
  '1',
  '2',
  '3',
  '"1"',
  '"a"',
  '"\\u0061"',
  '-1',
  '1.0',
  '1e2',
  '-0',
  '9007199254740993',
  'null',
  '{}',
  '""',
  '"\\ud800"',
  'true',
]
const versions = ['2024-11-05', '2025-03-26', '2025-03-26', '2025-06-18', '2025-11-25', '2026-07-28']
const values = [
  '{}',
  '[]',
  'null',
  '0',
  '"s"',
  'true',
  '{"a":{"b":[1,2,{"c":null}]}}',
  '1e400',
  '-0.0',
  '"\\u00e9é👋"',
  '{"_meta":{"progressToken":1}}',
  '{"a":1,"a":2}',
]
const extras = [
  '"auth":1',
  '"Method":"tools/call"',
  '"\\u006dethod":"x"',
  '"method":"tools/call"',
  '"id":2',
  '"ID":2',
  '"params":{"name":"hidden"}',
  '"__proto__":{}',
  '"result":{}',
  '"error":{"code":1,"message":""}',
  '"jsonrpc":"2.0"',
  '"x":"\u2028"',
]
const tokens = [
  '{',
  '}',
  '[',
  ']',
  ',',
  ':',
  '"',
  '\\',
  '\\u0000',
  '\r',
  '\t',
  '\0',
  '\ufeff',
  '"id":',
  '"name":"hidden"',
  '"method":"tools/call"',
  '[[[[',
  'NaN',
  '1e9999',
  '\u202e',
  '/**/',
  '{}',
  '"jsonrpc":"2.0"',
  '\u0085',
  '\x7f',
]

export function createFrameMaker(random: Random, transcripts: readonly TranscriptLine[]): FrameMaker {
  const below = (limit: number): number => random.below(limit)
  const chance = (probability: number): boolean => random.chance(probability)
  const pick = <T>(items: readonly T[]): T => random.pick(items)
  const recorded: Record<Direction, Buffer[]> = {
    'client-to-server': transcripts.filter(({ from }) => from === 'client').map(({ line }) => Buffer.from(line)),
    'server-to-client': transcripts.filter(({ from }) => from === 'server').map(({ line }) => Buffer.from(line)),
  }

  return { make, mutate }

  function make(direction: Direction, waiting: readonly string[]): Buffer {
    const kind = below(100)
    if (kind < 25) return mutate(pick(recorded[direction]))
    if (kind < 30) return Buffer.from(junk())
    if (kind < 34) return Buffer.from(deep())
    if (kind < 39) return Buffer.from(`[${list(below(5), () => message(direction, waiting))}]`)
    const line = Buffer.from(message(direction, waiting))
    return chance(0.15) ? mutate(line) : line
  }

  function message(direction: Direction, waiting: readonly string[]): string {
    const kind = below(10)
    const parts =
      kind < 4 || (direction === 'client-to-server' && kind < 6)
        ? request()
        : kind < 8
          ? answer(waiting)
          : notification(waiting)
    if (!chance(0.02)) parts.push('"jsonrpc":"2.0"')
    if (chance(0.08)) parts.push(pick(extras))
    // The order of members and the white space between them mean nothing.
    if (chance(0.5)) parts.reverse()
    const gap = chance(0.1) ? pick([' ', '\t', '  ', ' \t ']) : ''
    return `${gap}{${gap}${parts.join(`${gap},${gap}`)}${gap}}${gap}${chance(0.05) ? '\r' : ''}`
  }

  function request(): string[] {
    const method = pick(requestMethods)
    const parts = [`"id":${chance(0.5) ? String(below(1000)) : pick(ids)}`, `"method":"${method}"`]
    if (chance(0.9)) parts.push(`"params":${chance(0.05) ? pick(values) : paramsOf(method)}`)
    return parts
  }

  function paramsOf(method: string): string {
    const parts: string[] = []
    if (method.includes('call')) parts.push(`"name":"${pick(toolNames)}"`, `"arguments":${pick(values)}`)
    if (method === 'initialize') parts.push(`"protocolVersion":"${pick(versions)}"`)
    if (chance(0.3)) parts.push(`"_meta":{"progressToken":${pick(ids)}${chance(0.05) ? ',"ProgressToken":1' : ''}}`)
    if (chance(0.05))
      parts.push(pick(['"name":"hidden"', '"Name":"hidden"', '"na\\u006de":"hidden"', '"__proto__":1', '"_meta":{}']))
    return `{${parts.join(',')}}`
  }

  function answer(waiting: readonly string[]): string[] {
    const id = waiting.length > 0 && chance(0.85) ? pick(waiting) : pick(ids)
    const error = `"error":${pick(['{"code":-32601,"message":"m"}', '{"code":1,"message":"m","data":[]}', '{"code":1.5,"message":""}', '{}', 'null'])}`
    return [`"id":${id}`, chance(0.2) ? error : `"result":${chance(0.05) ? pick(values) : result()}`]
  }

  function result(): string {
    const kind = below(4)
    if (kind === 0) return pick(values)
    if (kind === 1) return `{"protocolVersion":"${pick(versions)}","serverInfo":{"name":"${pick(['s', 's\u200b'])}"}}`
    const gap = chance(0.2) ? ' ' : ''
    const tool = (): string => {
      if (chance(0.05)) return pick(values)
      const more = chance(0.05)
        ? `,${pick(['"name":"hidden"', '"Name":"hidden"', '"title":"\u202e"', '"n":1e400'])}`
        : ''
      return `{"name":"${pick(toolNames)}","x":1.0${more}}`
    }
    return `{"tools":${gap}[${gap}${list(below(6), tool, `${gap},${gap}`)}${gap}]${gap},"nextCursor":"c"}`
  }

  function notification(waiting: readonly string[]): string[] {
    const method = pick(notificationMethods)
    const id = waiting.length > 0 && chance(0.5) ? pick(waiting) : pick(ids)
    const params = {
      'notifications/cancelled': `{"requestId":${id}}`,
      'notifications/progress': `{"progressToken":${id},"progress":1}`,
      'tools/call': `{"name":"${pick(toolNames)}"}`,
    }[method]
    return [`"method":"${method}"`, ...(params === undefined ? [] : [`"params":${params}`])]
  }

  function junk(): string {
    return list(below(8), () => pick([...tokens, ...values, ...ids]), '')
  }

  function deep(): string {
    const levels = 100 + below(60)
    const [open, close] = pick([
      ['[', ']'],
      ['{"a":', '}'],
    ] as const)
    return `{"jsonrpc":"2.0","id":${below(9)},"method":"x","params":{"a":${open.repeat(levels)}1${close.repeat(levels)}}}`
  }

  function mutate(line: Buffer): Buffer {
    let bytes: Buffer = Buffer.from(line)
    for (let rounds = 1 + below(3); rounds > 0; rounds--) bytes = mutateOnce(bytes)
    for (let at = bytes.indexOf(0x0a); at !== -1; at = bytes.indexOf(0x0a, at)) bytes[at] = 0x20
    return bytes
  }

  function mutateOnce(bytes: Buffer): Buffer {
    const at = below(bytes.length + 1)
    const to = Math.min(bytes.length, at + 1 + below(20))
    const [before, middle, after] = [bytes.subarray(0, at), bytes.subarray(at, to), bytes.subarray(to)]
    switch (below(8)) {
      case 0:
        return Buffer.concat([before, after])
      case 1:
        return Buffer.concat([before, middle, middle, after])
      case 2:
        return Buffer.concat([before, Buffer.from(pick(tokens)), middle, after])
      case 3:
        return Buffer.concat([before, Buffer.from([below(256)]), bytes.subarray(Math.min(bytes.length, at + 1))])
      case 4:
        return Buffer.from(before)
      case 5:
        return Buffer.concat([
          before,
          pick(recorded[pick<Direction>(['client-to-server', 'server-to-client'])]).subarray(at),
        ])
      case 6:
        return Buffer.concat([before, Buffer.from(`,${pick(extras)}`), middle, after])
      default:
        return Buffer.from(
          bytes.toString('latin1').replaceAll(/\d+/g, (digits) => (chance(0.3) ? String(below(50)) : digits)),
          'latin1',
        )
    }
  }

  function list(count: number, item: () => string, separator = ','): string {
    return Array.from({ length: count }, item).join(separator)
  }
}
