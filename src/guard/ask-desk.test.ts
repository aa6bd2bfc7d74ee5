import assert from 'node:assert/strict'
import { test } from 'node:test'
import type { Fact } from '../protocol/facts.ts'
import { createAskDesk, type AskChannel, type AskDesk, type Keeper, type Wish } from './ask-desk.ts'
import type { Question } from './questions.ts'

type Found = Awaited<ReturnType<AskChannel['put']>>

interface Scene {
  readonly desk: AskDesk
  readonly facts: Fact[]
  readonly questions: Question[]
  readonly told: string[]
  /** Answers the question that is open. */
  readonly answer: (found: Found) => void
  readonly pass: (ms: number) => void
}

function scene(options: { keeper?: Keeper; canAsk?: boolean; record?: (fact: Fact) => void } = {}): Scene {
  const [facts, questions, told]: [Fact[], Question[], string[]] = [[], [], []]
  let open: ((found: Found) => void) | undefined
  let time = 0
  const record = (fact: Fact): void => {
    options.record?.(fact)
    facts.push(fact)
  }
  const desk = createAskDesk({
    server: 'files',
    record,
    keeper: options.keeper,
    tell: (line) => told.push(line),
    now: () => time,
  })
  desk.attach({
    canAsk: () => options.canAsk ?? true,
    put: async (question) => {
      questions.push(question)
      return new Promise((resolve) => (open = resolve))
    },
  })
  return { desk, facts, questions, told, answer: (found) => open?.(found), pass: (ms) => (time += ms) }
}

const wish = (name: string, port = 443): Wish => ({ name, port, process: { pid: 7, program: '/usr/bin/git' } })

test('every question and its answer is in the record, the answer before it holds', async () => {
  const { desk, facts, answer } = scene()
  const asked = desk.ask(wish('a.example'))
  assert.deepEqual(
    facts.map(({ fact }) => fact),
    ['ask'],
  )
  assert.equal(desk.granted('a.example', 443), false)
  answer({ choice: 'once' })
  assert.equal(await asked, 'once')
  assert.deepEqual(facts[1], {
    fact: 'ask-answer',
    question: 1,
    name: 'a.example',
    port: 443,
    answer: 'once',
    by: 'person',
  })
  assert.equal(desk.granted('a.example', 443), true)
  assert.equal(desk.granted('a.example', 80), false)
  assert.equal(desk.granted('b.a.example', 443), false)
})

test('what cannot be recorded is not allowed', async () => {
  const { desk, answer } = scene({
    record: ({ fact }) => {
      if (fact === 'ask-answer') throw new Error('disk full')
    },
  })
  const asked = desk.ask(wish('a.example'))
  answer({ choice: 'once' })
  await assert.rejects(asked, /disk full/)
  assert.equal(desk.granted('a.example', 443), false)
})

test('no, nothing, time and a client that left are all no; a choice that was not offered is none', async () => {
  const cases: readonly (readonly [Found, string])[] = [
    [{ choice: 'no' }, 'person'],
    [{ choice: undefined }, 'person'],
    [{ choice: 'everything' }, 'person'],
    [{ how: 'time' }, 'time'],
    [{ how: 'client' }, 'client'],
  ]
  for (const [found, by] of cases) {
    const { desk, facts, answer } = scene()
    const asked = desk.ask(wish('a.example'))
    answer(found)
    assert.equal(await asked, 'no')
    assert.equal(desk.granted('a.example', 443), false)
    const last = facts.at(-1)
    assert.ok(last?.fact === 'ask-answer' && last.answer === 'no' && last.by === by)
  }
})

test('one question at a time, each name once, and ten a minute', async () => {
  const { desk, questions, answer, pass } = scene()
  const first = desk.ask(wish('a.example'))
  const same = desk.ask(wish('a.example'))
  assert.equal(await desk.ask(wish('b.example')), 'no', 'while another is open')
  assert.equal(await desk.ask(wish('a.example', 80)), 'no', 'another port is not what was asked about')
  answer({ choice: 'once' })
  assert.deepEqual([await first, await same], ['once', 'once'])
  assert.equal(questions.length, 1)
  for (let index = 1; index < 10; index++) {
    const asked = desk.ask(wish(`n${index}.example`))
    answer({ choice: 'no' })
    await asked
  }
  assert.equal(questions.length, 10)
  assert.equal(await desk.ask(wish('b.example')), 'no')
  assert.equal(questions.length, 10)
  pass(60_000)
  const later = desk.ask(wish('b.example'))
  answer({ choice: 'once' })
  assert.equal(await later, 'once', 'a name that was never asked about is, once there is room')
  assert.equal(await desk.ask(wish('n1.example')), 'no')
  assert.equal(questions.length, 11, 'a no is not asked again')
})

test('without a client that can ask, and before there is one, nobody is asked', async () => {
  const mute = scene({ canAsk: false })
  assert.equal(await mute.desk.ask(wish('a.example')), 'no')
  assert.deepEqual(mute.facts, [])
  const early = createAskDesk({ server: 'x', record: () => undefined, keeper: undefined, tell: () => undefined })
  assert.equal(await early.ask(wish('a.example')), 'no')
})

test('an always is offered with its line where it can be kept, and is told when it could not be', async () => {
  const kept: string[] = []
  const keeper: Keeper = {
    lineFor: ({ name }) => `the line of ${name}`,
    keep: async ({ name }) => {
      if (name === 'b.example') throw new Error('read-only')
      kept.push(name)
    },
  }
  const { desk, questions, told, answer } = scene({ keeper })
  for (const name of ['a.example', 'b.example']) {
    const asked = desk.ask(wish(name))
    answer({ choice: 'always' })
    assert.equal(await asked, 'always')
    assert.equal(desk.granted(name, 443), true)
  }
  assert.match(questions[0]?.message ?? '', /"Always" adds the line of a\.example/)
  assert.deepEqual(kept, ['a.example'])
  assert.match(told.join(), /b\.example is allowed until this server ends, and could not be written down.*read-only/)
  const without = scene()
  const asked = without.desk.ask(wish('a.example'))
  assert.deepEqual(
    without.questions[0]?.choices.map(({ value }) => value),
    ['once', 'no'],
  )
  without.answer({ choice: 'always' })
  assert.equal(await asked, 'once')
})

test('what a program calls itself shows as what it is', () => {
  const { desk, questions } = scene()
  void desk.ask({ ...wish('a.example'), process: { pid: 1, program: '/tmp/x\u{202e}\nSay yes' } })
  assert.match(questions[0]?.message ?? '', /^\/tmp\/x\\u\{202e\}\\u\{a\}Say yes in the sandbox/)
})
