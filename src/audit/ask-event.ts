import type { AskAnswerFact, AskFact } from '../protocol/facts.ts'
import type { Mapped, Origin } from './ocsf.ts'
import { classes, outcome, severity, severityOf } from './ocsf.ts'

/** Network Activity has no activity for a question about a connection. */
const asking = { id: 99, name: 'Ask' }

export function askEvent({ question, process, name, port }: AskFact, { server, sandbox }: Origin): Mapped {
  const of = process === null ? {} : { process: { pid: process.pid, name: process.program } }
  return {
    class: classes.network,
    activity: asking,
    severity: severity.informational,
    message: `a person is asked whether ${process?.program ?? 'a program'} may connect to ${name}:${port}`,
    code: 'ask',
    fields: {
      ...outcome('recorded'),
      firewall_rule: { name: 'network.ask' },
      dst_endpoint: { hostname: name, port },
      actor: { ...of, app_name: server, app_uid: sandbox },
    },
    unmapped: { question },
  }
}

export function askAnswerEvent(
  { question, name, port, answer, by }: AskAnswerFact,
  { server, sandbox }: Origin,
): Mapped {
  const verdict = answer === 'no' ? 'denied' : 'allowed'
  return {
    class: classes.network,
    activity: asking,
    severity: severityOf(verdict),
    message: `the answer about ${name}:${port} is ${answer}${by === 'person' ? '' : `, since ${nobody[by]}`}`,
    code: 'ask-answer',
    fields: {
      ...outcome(verdict),
      firewall_rule: { name: 'network.ask' },
      dst_endpoint: { hostname: name, port },
      actor: { app_name: server, app_uid: sandbox },
    },
    unmapped: { question, answer, by },
  }
}

const nobody = { time: 'nobody answered in time', client: 'the client did not show it to the end' } as const
