import assert from 'node:assert/strict'
import type { Output } from '../../src/guard/outputs.ts'
import type { Direction } from '../../src/protocol/facts.ts'
import { only, parse, valuesOf } from './parse.ts'
import type { Parsed } from './parse.ts'

/** Judges what the guard hands out for each line, by rules of its own, written apart from the guard's. */
export interface Oracle {
  /** Throws what is wrong. `recorded`: how many facts the line led to. */
  check(direction: Direction, line: Buffer, outputs: readonly Output[], recorded: number): void
  /** What `serverGone` hands out: one answer for each request that waits, no more. */
  checkGone(outputs: readonly Output[]): void
  /** JSON of the ids that somebody waits for. */
  waiting(): string[]
}

export interface OracleOptions {
  readonly hiddenTool: (name: string) => boolean
  readonly messageBytes: number
  readonly depth: number
}

const envelope: ReadonlySet<string> = new Set(['jsonrpc', 'id', 'method', 'params', 'result', 'error'])
const invisible = /[\p{Cc}\p{Cf}\p{Cs}\u2028\u2029]/u
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true })

export function createOracle(options: OracleOptions): Oracle {
  const asked: Record<Direction, Map<string, string>> = { 'client-to-server': new Map(), 'server-to-client': new Map() }
  const tokens = new Set<string>()
  let version: string | undefined

  return {
    check(direction, line, outputs, recorded) {
      const back = linesTo(outputs, direction === 'client-to-server' ? 'client' : 'server')
      const on = linesTo(outputs, direction === 'client-to-server' ? 'server' : 'client')
      const input = tryParse(line, options)
      // Before the outputs change what is asked: who waits for this line?
      const owed = input === undefined ? undefined : owedFor(direction, input)

      const answeredBack = back.map((text) => ownError(parse(text)))
      const answeredOn: string[] = []
      const passed: string[] = []
      for (const text of on) {
        if (text === line.toString('utf8')) {
          passed.push(...judge(direction, parse(text)))
          continue
        }
        const parsed = parse(text)
        if (isOwnError(parsed)) {
          const id = ownError(parsed)
          assert.ok(asked[opposite(direction)].delete(id), 'an error stands in for an answer that is waited for')
          answeredOn.push(id)
        } else {
          assert.ok(input !== undefined, 'what is no JSON is not rewritten')
          assertSubset(parsed, input)
          passed.push(...judge(direction, parsed))
        }
      }
      if (owed !== undefined) {
        const told = [...answeredBack, ...answeredOn, ...passed].filter((id) => id === owed)
        assert.equal(told.length, 1, `who waits for ${owed} hears of it exactly once`)
      }
      if (on.length === 0 && !/^[ \t\r]*$/.test(line.toString('latin1')))
        assert.ok(recorded > 0, 'what is not forwarded is recorded')
    },

    checkGone(outputs) {
      const ids = linesTo(outputs, 'client').map((text) => ownError(parse(text)))
      assert.deepEqual(
        ids.toSorted(),
        [...asked['client-to-server'].keys()].toSorted(),
        'each request that waits is answered once',
      )
      assert.deepEqual(linesTo(outputs, 'server'), [])
    },

    waiting: () => [...asked['client-to-server'].keys(), ...asked['server-to-client'].keys()],
  }

  /** The id that must be heard of once: that of a request, or of an answer that is waited for. */
  function owedFor(direction: Direction, input: Parsed): string | undefined {
    const id = idOf(only(input, 'id'))
    if (input.type !== 'object' || id === undefined) return undefined
    const isAnswer = valuesOf(input, 'result').length + valuesOf(input, 'error').length > 0
    const isCall = valuesOf(input, 'method').length > 0
    if (isCall && !isAnswer)
      return direction === 'client-to-server' || valuesOf(input, 'jsonrpc').length > 0 ? id : undefined
    if (isAnswer && !isCall && valuesOf(input, 'jsonrpc').length > 0)
      return asked[opposite(direction)].has(id) ? id : undefined
    return undefined
  }

  /** What was forwarded must be one message that everyone reads the same. Gives the ids in it. */
  function judge(direction: Direction, message: Parsed): string[] {
    if (message.type !== 'array') return [judgeMessage(direction, message)]
    assert.equal(version, '2025-03-26', 'a batch only in the version that has it')
    assert.ok(message.elements.length > 0, 'no empty batch')
    return message.elements.map((member) => judgeMessage(direction, member))
  }

  function judgeMessage(direction: Direction, message: Parsed): string {
    assert.ok(message.type === 'object', 'a message is an object')
    const keys = message.members.map(([key]) => key)
    assert.equal(new Set(keys).size, keys.length, 'no key twice')
    assert.ok(
      keys.every((key) => envelope.has(key)),
      'no key but those of the envelope',
    )
    assert.equal(textOf(only(message, 'jsonrpc')), '2.0')
    const [id, method, params] = [only(message, 'id'), only(message, 'method'), only(message, 'params')]
    if (method === undefined) return judgeAnswer(direction, message, id)

    const name = textOf(method) ?? ''
    assert.ok(name !== '' && !invisible.test(name), 'a method that can be seen')
    assert.ok(only(message, 'result') === undefined && only(message, 'error') === undefined, 'a call is no answer')
    assert.ok(params === undefined || params.type === 'object' || params.type === 'array')
    if (name === 'tools/call' && direction === 'client-to-server') judgeCall(params)
    for (const token of valuesOf(only(params, '_meta'), 'progressToken')) tokens.add(JSON.stringify(token))
    if (name === 'notifications/progress')
      assert.ok(tokens.has(JSON.stringify(only(params, 'progressToken'))), 'progress of something')
    if (id === undefined) {
      if (name === 'notifications/cancelled') cancel(direction, idOf(only(params, 'requestId')))
      return ''
    }
    const key = idOf(id)
    assert.ok(key !== undefined, 'an id that everyone reads the same')
    assert.ok(!asked[direction].has(key), 'no id twice at a time')
    asked[direction].set(key, name)
    return key
  }

  function judgeAnswer(direction: Direction, message: Parsed, id: Parsed | undefined): string {
    const [result, error] = [only(message, 'result'), only(message, 'error')]
    assert.equal(only(message, 'params'), undefined)
    assert.ok((result === undefined) !== (error === undefined), 'a result or an error')
    if (error !== undefined) {
      const code = only(error, 'code')
      assert.ok(
        code?.type === 'number' && /^-?\d+$/.test(code.spelled) && only(error, 'message')?.type === 'string',
        'an error with code and message',
      )
      if (id === undefined || (id.type === 'word' && id.word === 'null')) return ''
    }
    const key = idOf(id)
    assert.ok(key !== undefined, 'an answer has an id')
    const method = asked[opposite(direction)].get(key)
    assert.ok(method !== undefined, 'an answer to something that was asked')
    asked[opposite(direction)].delete(key)
    if (result === undefined) return key
    assert.ok(result.type === 'object', 'a result is an object')
    if (direction === 'server-to-client' && method === 'tools/list') judgeTools(result)
    if (direction === 'server-to-client' && method === 'initialize') version = textOf(only(result, 'protocolVersion'))
    return key
  }

  function judgeCall(params: Parsed | undefined): void {
    const names =
      params?.type === 'object' ? params.members.filter(([key]) => key.normalize('NFKC').toLowerCase() === 'name') : []
    assert.equal(names.length, 1, 'one name')
    const name = textOf(names[0]?.[1])
    assert.ok(name !== undefined && !options.hiddenTool(name), `no call of the hidden tool ${name}`)
  }

  function judgeTools(result: Parsed): void {
    const lists = result.type === 'object' ? result.members.filter(([key]) => key.toLowerCase() === 'tools') : []
    assert.ok(lists.length <= 1, 'one list')
    const tools = lists[0]?.[1]
    for (const tool of tools?.type === 'array' ? tools.elements : []) {
      const name = textOf(only(tool, 'name'))
      assert.ok(name !== undefined && !options.hiddenTool(name), `the hidden tool ${name} is not listed`)
    }
  }

  function cancel(direction: Direction, id: string | undefined): void {
    if (id === undefined || asked[direction].delete(id) || direction === 'client-to-server') return
    if (asked['client-to-server'].get(id) === 'subscriptions/listen') asked['client-to-server'].delete(id)
  }
}

function linesTo(outputs: readonly Output[], side: Output['to']): string[] {
  const mine = outputs.filter(({ to }) => to === side)
  if (mine.length === 0) return []
  const text = decoder.decode(mine.length === 1 ? mine[0]?.bytes : Buffer.concat(mine.map(({ bytes }) => bytes)))
  assert.ok(text.endsWith('\n'), 'whole lines')
  // A carriage return right before the newline is the line's end for everyone.
  return text
    .slice(0, -1)
    .split('\n')
    .map((line) => line.replace(/\r$/, ''))
}

/** What a message is by the plain parser, if it is one within the caps. */
function tryParse(line: Buffer, { messageBytes, depth }: OracleOptions): Parsed | undefined {
  if (line.length > messageBytes) return undefined
  try {
    const parsed = parse(decoder.decode(line))
    return depthOf(parsed) > depth ? undefined : parsed
  } catch (error) {
    // TypeError: not UTF-8. SyntaxError: not JSON. RangeError: nested past the plain parser's recursion.
    if (error instanceof SyntaxError || error instanceof TypeError || error instanceof RangeError) return undefined
    throw error
  }
}

function depthOf(parsed: Parsed): number {
  if (parsed.type === 'object') return 1 + parsed.members.reduce((most, [, value]) => Math.max(most, depthOf(value)), 0)
  if (parsed.type === 'array') return 1 + parsed.elements.reduce((most, value) => Math.max(most, depthOf(value)), 0)
  return 0
}

/** Every part of `rest` is in `whole`, in the same order: things were left out, nothing was put in. */
function assertSubset(rest: Parsed, whole: Parsed): void {
  if (rest.type === 'object' && whole.type === 'object') {
    assert.deepEqual(
      rest.members.map(([key]) => key),
      whole.members.map(([key]) => key),
    )
    rest.members.forEach(([, value], index) => assertSubset(value, whole.members[index]?.[1] ?? assert.fail()))
  } else if (rest.type === 'array' && whole.type === 'array') {
    let at = 0
    for (const element of rest.elements) {
      while (at < whole.elements.length && !isSubset(element, whole.elements[at] as Parsed)) at++
      assert.ok(at++ < whole.elements.length, 'nothing is put in')
    }
  } else assert.deepEqual(rest, whole)
}

function isSubset(rest: Parsed, whole: Parsed): boolean {
  try {
    assertSubset(rest, whole)
    return true
  } catch (error) {
    assert.ok(error instanceof assert.AssertionError)
    return false
  }
}

function isOwnError(message: Parsed): boolean {
  const error = only(message, 'error')
  return (
    textOf(only(only(error, 'data'), 'source')) === 'glovebox' ||
    (textOf(only(error, 'message')) ?? '').startsWith('Unknown tool: ')
  )
}

/** The id of an error that the guard wrote. */
function ownError(message: Parsed): string {
  assert.ok(isOwnError(message), 'an answer of our own is an error')
  assert.ok(message.type === 'object' && message.members.map(([key]) => key).join() === 'jsonrpc,id,error')
  return idOf(only(message, 'id')) ?? ''
}

/** One spelling for each id that is one. */
function idOf(value: Parsed | undefined): string | undefined {
  if (value?.type === 'string')
    return value.text.isWellFormed() && value.text.length <= 256 ? JSON.stringify(value.text) : undefined
  if (value?.type !== 'number' || !/^(?:0|-?[1-9]\d*)$/.test(value.spelled)) return undefined
  return Number.isSafeInteger(Number(value.spelled)) ? value.spelled : undefined
}

function textOf(value: Parsed | undefined): string | undefined {
  return value?.type === 'string' ? value.text : undefined
}

function opposite(direction: Direction): Direction {
  return direction === 'client-to-server' ? 'server-to-client' : 'client-to-server'
}
