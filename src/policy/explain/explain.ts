import type { Attempt, Explanation } from './attempt.ts'
import { remedyFor } from './remedy.ts'
import { reasonOf } from './rules.ts'

/** An attempt in plain sentences, with what would allow it. */
export function explain(attempt: Attempt): Explanation {
  const { remedy, notes } = remedyFor(attempt)
  const times = attempt.count === undefined ? '' : `, ${attempt.count} times`
  return {
    what: sentence(`${whoOf(attempt)} ${whatOf(attempt)}${times}${outcomeOf(attempt)}`),
    rule: attempt.rule === '' ? 'none' : attempt.rule,
    why: sentence(attempt.kind === 'start-failed' ? 'a start is refused rather than weakened' : reasonOf(attempt.rule)),
    remedy,
    notes: notes.map(sentence),
  }
}

function whoOf({ kind, program, pid, server }: Attempt): string {
  if (kind === 'message') return `a client of "${server}"`
  if (kind === 'refusal' || kind === 'limit' || kind === 'start-failed') return `"${server}":`
  if (program === undefined) return `a program in "${server}"`
  return `${program}${pid === undefined ? '' : ` (process ${pid})`}, in "${server}",`
}

function whatOf(attempt: Attempt): string {
  const { kind, address, host, port, path, tool, detail, rule } = attempt
  if (rule === 'network.no-resolver') return 'wanted to look up a name'
  const to = host === undefined ? (address ?? 'an address') : `${host}${port === undefined ? '' : ` on port ${port}`}`
  const isSending = kind === 'send' || (kind === 'egress-refuse' && attempt.udp === true)
  if (isSending) return `wanted to send ${kind === 'send' ? 'a datagram' : 'datagrams'} to ${to}`
  switch (kind) {
    case 'connect':
      return `wanted to connect to ${to}`
    case 'bind':
      return `wanted to listen on ${to}`
    case 'lookup':
      return `looked up the name ${to}`
    case 'egress-refuse':
      return `wanted to connect to ${to}`
    case 'exec':
      return `wanted to execute ${path ?? 'a program'}`
    case 'open':
      return `wanted to open ${path ?? 'a file'}${attempt.access === 'write' ? ' to write to it' : ''}`
    case 'message':
      return tool === undefined ? `sent a message` : `called the tool ${tool}`
    default:
      return detail
  }
}

function outcomeOf({ kind, verdict, detail, udp }: Attempt): string {
  if (kind === 'refusal' || kind === 'limit' || kind === 'start-failed') return ''
  if (kind === 'egress-refuse' && udp === true) return `, and none left: ${detail}`
  if (kind === 'lookup' && verdict === 'denied') return ', and was told that there is no such name'
  if (kind === 'egress-refuse') return `, and the connection was cut off: ${detail}`
  if (verdict === 'denied') return ', and was refused'
  if (verdict === 'allowed') return ', and was allowed to'
  return verdict === 'recorded' ? '; whether it could is not in the record' : ''
}

/** With a capital letter and a full stop; what begins with a name or a path keeps it. */
function sentence(text: string): string {
  const capital = /^[a-z]+[ ’]/.test(text) ? `${text.charAt(0).toUpperCase()}${text.slice(1)}` : text
  return /[.:!?]$/.test(capital) ? capital : `${capital}.`
}
