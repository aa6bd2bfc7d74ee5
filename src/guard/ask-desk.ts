import { monotonicMs } from '../monotonic.ts'
import type { AskAnswerFact, AskFact, Recorder } from '../protocol/facts.ts'
import type { Clock } from './rate.ts'
import { visible } from './names.ts'
import type { Question } from './questions.ts'

export type Answer = 'once' | 'always' | 'no'

/** A connection that no rule allows, and who wants it. */
export interface Wish {
  readonly name: string
  readonly port: number
  readonly process: { readonly pid: number; readonly program: string } | null
}

/** A way to the person: the choice, undefined when it was refused; `how` when nobody answered. */
export interface AskChannel {
  canAsk(): boolean
  put(question: Question, timeMs: number): Promise<{ choice: string | undefined } | { how: 'time' | 'client' }>
}

/** Where "always" is written down; absent: it is not offered. */
export interface Keeper {
  /** What would be written, and where, in words. */
  lineFor(wish: Wish): string
  keep(wish: Wish): Promise<void>
}

export interface AskDesk {
  /** Before that, and without it, every answer is no. */
  attach(channel: AskChannel): void
  /** Settles when it is decided; `granted` says so too from then on. */
  ask(wish: Wish): Promise<Answer>
  granted(name: string, port: number): boolean
}

/** Longer than a program waits, and nobody is there to click. */
const answerMs = 60_000
const perMinute = 10
const minuteMs = 60_000

/**
 * Asks about connections, one question at a time, each name once in a session, and few a minute: a program that wants a
 * person to say yes by asking often enough gets a no from us.
 */
export function createAskDesk(options: {
  readonly server: string
  readonly record: Recorder
  readonly keeper: Keeper | undefined
  readonly tell: (line: string) => void
  readonly now?: Clock
}): AskDesk {
  const { server, record, keeper, tell, now = monotonicMs } = options
  const granted = new Set<string>()
  /** By name: what is being asked, or was answered. */
  const asked = new Map<string, { readonly port: number; readonly answer: Promise<Answer> }>()
  let times: number[] = []
  let isOpen = false
  let count = 0
  let channel: AskChannel | undefined

  async function put(wish: Wish, to: AskChannel): Promise<Answer> {
    const question = ++count
    const { name, port } = wish
    record({ fact: 'ask', question, process: wish.process, name, port } satisfies AskFact)
    const found = await to.put(questionOf(wish), answerMs)
    const answer = 'how' in found ? 'no' : answerOf(found.choice)
    const by = 'how' in found ? found.how : 'person'
    record({ fact: 'ask-answer', question, name, port, answer, by } satisfies AskAnswerFact)
    if (answer === 'no') return answer
    granted.add(keyOf(name, port))
    if (answer === 'always') await keep(wish)
    return answer
  }

  /** What cannot be written down holds as long as the server runs, and its user is told. */
  async function keep(wish: Wish): Promise<void> {
    try {
      await keeper?.keep(wish)
    } catch (error) {
      tell(`${wish.name} is allowed until this server ends, and could not be written down: ${String(error)}`)
    }
  }

  function answerOf(choice: string | undefined): Answer {
    if (choice === 'always') return keeper === undefined ? 'once' : 'always'
    return choice === 'once' ? 'once' : 'no'
  }

  function questionOf(wish: Wish): Question {
    const program = wish.process === null ? 'A program' : visible(wish.process.program, 200)
    const always = keeper?.lineFor(wish)
    const lines = [
      `${program} in the sandbox of "${visible(server, 100)}" wants to connect to ${wish.name} on port ${wish.port}. No rule of its policy allows that.`,
      ...(always === undefined ? [] : [`"Always" adds ${always}`]),
    ]
    return {
      message: lines.join('\n'),
      choices: [
        { value: 'once', title: 'Until this server ends' },
        ...(always === undefined ? [] : [{ value: 'always', title: 'Always' }]),
        { value: 'no', title: 'No' },
      ],
    }
  }

  return {
    attach: (to) => void (channel = to),
    granted: (name, port) => granted.has(keyOf(name, port)),
    async ask(wish) {
      const known = asked.get(wish.name)
      // Another port of a name that was asked about is not what the person saw.
      if (known !== undefined) return known.port === wish.port ? known.answer : 'no'
      const time = now()
      times = times.filter((at) => time - at < minuteMs)
      if (channel?.canAsk() !== true || isOpen || times.length >= perMinute) return 'no'
      times.push(time)
      isOpen = true
      const answer = put(wish, channel).finally(() => (isOpen = false))
      asked.set(wish.name, { port: wish.port, answer })
      return answer
    },
  }
}

function keyOf(name: string, port: number): string {
  return `${name}:${port}`
}
