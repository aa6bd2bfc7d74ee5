import { monotonicMs } from '../monotonic.ts'
import type { Direction, Recorder } from '../protocol/facts.ts'
import { cancelledFrame, errorFrame, serverGone, timedOut, tookTooLong } from './answers.ts'
import { createEnvelopeReader } from './envelope.ts'
import { createFramer } from './framer.ts'
import type { Framer } from './framer.ts'
import { createJsonScanner } from './json-scan.ts'
import type { Span } from './json-scan.ts'
import { createLedger } from './ledger.ts'
import { resolveLimits } from './limits.ts'
import type { GuardLimits } from './limits.ts'
import { createLineJudge } from './lines.ts'
import type { LineRuling } from './lines.ts'
import { createLogRecorder } from './log-lines.ts'
import { createOutputs } from './outputs.ts'
import type { Output } from './outputs.ts'
import { createQuestions, type OnAnswer, type Question } from './questions.ts'
import type { Id } from './ids.ts'
import { createRefusalRecorder, createTokenBucket } from './rate.ts'
import type { Clock } from './rate.ts'
import { receiverOf } from './session.ts'
import type { Session } from './session.ts'
import { createToolListFilter, withoutCuts } from './tool-list.ts'
import { createToolRules } from './tool-rules.ts'
import type { ToolPolicy } from './tool-rules.ts'

export interface GuardOptions {
  /** Called for what is decided before the bytes of that decision are handed out; what it throws comes out of the guard. */
  readonly record: Recorder
  readonly tools?: ToolPolicy | undefined
  readonly limits?: Partial<GuardLimits> | undefined
  /** The policy's `time`: the longest that one request of the client's may take. Subscriptions may last. */
  readonly requestTimeMs?: number | undefined
  /** Milliseconds, never going back. */
  readonly now?: Clock | undefined
}

/**
 * The checks that every message of one connection passes. Bytes go in, what may be written comes out, and nothing else
 * happens but facts being recorded: streams, timers and processes are the caller's (`pipe.ts`).
 */
export interface Guard {
  receive(direction: Direction, chunk: Buffer): readonly Output[]
  /** End of input in one direction; a last line without a newline counts as a line. */
  end(direction: Direction): readonly Output[]
  /** The server will answer nothing any more: every request is answered with the reason, later ones too. */
  serverGone(reason: string): readonly Output[]
  /** Gives up the requests whose time is over. */
  expire(): readonly Output[]
  /** Milliseconds until `expire` has something to do; absent: nothing is waited for with a limit. */
  msToDeadline(): number | undefined
  /** Whether the client waits for an answer; a subscription is none, since it lasts. */
  isAwaited(): boolean
  /** Whether a message of the server's has passed: one that never speaks is perhaps no MCP server. */
  serverSpoke(): boolean
  /** Whether the client has said that it shows questions, and may be sent one now. */
  canAsk(): boolean
  /** A question of ours to the person at the client; its answer never reaches the server. */
  ask(question: Question, onAnswer: OnAnswer): { readonly id: Id; readonly outputs: readonly Output[] }
  /** It is no longer waited for. */
  withdraw(id: Id, reason: string): readonly Output[]
  /** How long to read nothing from that side, because it sends faster than the cap. */
  pauseMs(direction: Direction): number
}

export function createGuard(options: GuardOptions): Guard {
  const { record, requestTimeMs, now = monotonicMs } = options
  const limits = resolveLimits(options.limits)
  const outputs = createOutputs()
  const refusals = bothWays((direction) => createRefusalRecorder(record, direction, limits.factsPerSecond, now))
  const rates = bothWays(() => createTokenBucket(limits.messagesPerSecond, now))
  const stdoutLog = createLogRecorder({ record, stream: 'stdout', limits, now })
  const scan = createJsonScanner(limits.depth)
  const tools = createToolRules(options.tools ?? {}, limits.nameLength)
  const session: Session = {
    limits,
    scan,
    tools,
    filterTools: createToolListFilter(tools, scan, limits),
    questions: createQuestions(),
    asked: bothWays(() => createLedger(limits.outstanding)),
    protocolVersion: undefined,
    deadline: (method) => (requestTimeMs === undefined || lasts(method) ? undefined : now() + requestTimeMs),
    recordMessage: (fact) => record({ fact: 'message', ...fact }),
    recordRefusal: (direction, { reason, detail }, bytes) =>
      refusals[direction].record({ fact: 'refusal', direction, reason, detail, bytes }),
    answer: (to, id, error) => outputs.add(to, errorFrame(id, error)),
  }
  const judge = createLineJudge(session, createEnvelopeReader(limits, scan))
  const framers = bothWays(createDirection)
  const asked = session.asked['client-to-server']
  let gone: string | undefined
  let spoke = false

  return {
    receive(direction, chunk) {
      framers[direction].push(chunk)
      return outputs.take()
    },

    end(direction) {
      framers[direction].end()
      refusals[direction].flush()
      if (direction === 'server-to-client') stdoutLog.flush()
      return outputs.take()
    },

    serverGone(reason) {
      gone ??= reason
      answerAll(gone)
      return outputs.take()
    },

    expire() {
      const time = now()
      for (const request of asked.pending()) {
        if (request.deadline === undefined || request.deadline > time) continue
        const detail = `${tookTooLong(request.method, requestTimeMs ?? 0)}.`
        record({ fact: 'limit', limit: 'time', detail })
        asked.abandon(request.id)
        session.answer('client', request.id, timedOut(request, requestTimeMs ?? 0))
        outputs.add('server', cancelledFrame(request.id, detail))
      }
      return outputs.take()
    },

    msToDeadline() {
      // Every request gets the same time, so the oldest that has a deadline has the first one.
      for (const { deadline } of asked.pending()) if (deadline !== undefined) return Math.max(0, deadline - now())
      return undefined
    },

    isAwaited() {
      for (const { method } of asked.pending()) if (!lasts(method)) return true
      return false
    },

    serverSpoke: () => spoke,

    canAsk: () => gone === undefined && session.questions.canAsk(session.protocolVersion),

    ask(question, onAnswer) {
      const { id, frame } = session.questions.open(question, onAnswer)
      outputs.add('client', frame)
      return { id, outputs: outputs.take() }
    },

    withdraw(id, reason) {
      session.questions.withdraw(id)
      outputs.add('client', cancelledFrame(id, reason))
      return outputs.take()
    },

    pauseMs: (direction) => rates[direction].debtMs(),
  }

  function createDirection(direction: Direction): Framer {
    return createFramer(limits.messageBytes, {
      line(bytes, start, end, next) {
        rates[direction].take(1)
        // A carriage return right before the newline ends the line with it; anywhere else it would split the message
        // for a reader with universal newlines (Python's text streams), and is refused.
        const line = { start, end: end > start && bytes[end - 1] === 0x0d ? end - 1 : end }
        apply(direction, judge.judge(direction, bytes, line), bytes, line, end, next)
      },
      tooLong(head, tail, length) {
        rates[direction].take(1)
        if (judge.judgeTooLong(direction, head, tail, length) === 'log') stdoutLog.line(head, true)
      },
    })
  }

  function apply(direction: Direction, ruling: LineRuling, bytes: Buffer, line: Span, end: number, next: number): void {
    if (ruling === 'log') stdoutLog.line(bytes.subarray(line.start, line.end), false)
    if (ruling === 'log' || ruling === 'drop') return
    const to = receiverOf(direction)
    if (to === 'server' && gone !== undefined) {
      answerAll(gone)
      return
    }
    if (to === 'client') spoke = true
    if (ruling === 'forward') outputs.forward(to, bytes, line.start, next)
    else outputs.add(to, withoutCuts(bytes, { start: line.start, end: next }, ruling))
    // The last line of all came without its newline.
    if (next === end) outputs.add(to, Buffer.from('\n'))
  }

  function answerAll(reason: string): void {
    for (const request of asked.pending()) {
      asked.settle(request.id)
      session.answer('client', request.id, serverGone(reason))
    }
  }
}

/** Is answered when it ends, which nobody waits for. */
function lasts(method: string): boolean {
  return method === 'subscriptions/listen'
}

function bothWays<T>(create: (direction: Direction) => T): Record<Direction, T> {
  return { 'client-to-server': create('client-to-server'), 'server-to-client': create('server-to-client') }
}
