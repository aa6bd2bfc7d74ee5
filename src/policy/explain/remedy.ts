import { bracketed, readEndpoint, withPort } from '../../protocol/endpoint.ts'
import { classOf } from '../network/address.ts'
import { formatIp, parseIp, withoutMapping } from '../network/ip.ts'
import { readRule } from '../network/rule.ts'
import { whySecret } from '../learn/secrets.ts'
import type { Attempt, Found, Grant, Remedy } from './attempt.ts'
import { limitRemedy } from './limit-remedy.ts'
import { shellLine } from './shell.ts'

export function remedyFor(attempt: Attempt): Found {
  const { kind, verdict } = attempt
  if (kind === 'start-failed') return startFailed
  if (kind === 'limit') return limitRemedy(attempt)
  if (kind === 'refusal') return refusalRemedy(attempt)
  if (verdict === 'allowed') return nothing('it was allowed: there is nothing to change')
  if (kind === 'message') return toolRemedy(attempt)
  if (kind === 'exec') return programRemedy(attempt)
  if (kind === 'open') return fileRemedy(attempt)
  return networkRemedy(attempt)
}

const startFailed: Found = {
  remedy: null,
  notes: [
    'nothing was started, because what was asked for could not be enforced or found: glovebox doctor tells what this host can do',
    '--allow-degraded would start without a control; no command of ours ever writes that for you',
  ],
}

function networkRemedy(attempt: Attempt): Found {
  const { kind, rule } = attempt
  if (rule === 'network.foreign-socket' || rule === 'unix.host-socket' || rule === 'unix.datagram') {
    return nothing('no policy opens this: it is a part of the wall')
  }
  if (rule === 'unix.absent') return nothing('nothing was blocked: there is nothing there to be reached')
  if (rule === 'network.no-resolver') return unknownNames(attempt)
  if (kind === 'bind') return nothing('a sandbox listens on its own loopback addresses only; no policy opens another')
  if (kind === 'send') return addressRemedy({ ...attempt, udp: true })
  if (rule === 'network.unknown-address' || rule === 'network.not-a-name' || rule === 'network.limits.names') {
    return nothing('no policy opens this; allow the name that is meant instead')
  }
  if (attempt.host !== undefined) return nameRemedy(attempt, attempt.host)
  return addressRemedy(attempt)
}

function nameRemedy(attempt: Attempt, host: string): Found {
  const { port, rule, kind, udp } = attempt
  if (rule === 'network.address') return privateRemedy(attempt)
  if (rule === 'network.proxy')
    return nothing('datagrams do not pass the proxy of this host: name the server in NO_PROXY')
  const place = port === undefined || (port === 443 && udp !== true) ? host : `${host}:${port}`
  const word = udp === true ? `${place}/udp` : place
  if (readRule(word, 'allow').mistake !== undefined) return nothing('this is no name that a rule could have')
  if (rule !== 'network.default-deny') return byRule(attempt, word)
  const notes = kind === 'lookup' ? ['a name alone means port 443: write NAME:PORT for another'] : []
  if (udp === true) return { remedy: { ...allowNet(word), applies: false }, notes: [...notes, whatDatagramsAre(port)] }
  return { remedy: allowNet(word), notes }
}

/** Nobody inside was there to be asked, so nobody heard which. */
function unknownNames({ server }: Attempt): Found {
  return {
    remedy: { ...allowNet('NAME'), applies: false },
    notes: [
      'which name it was is not in the record, since without a network nobody inside is asked: put it in the place of NAME',
      `to find the names that it needs: ${shellLine(['glovebox', 'policy', 'learn', server])} for a configured server, glovebox policy learn -- COMMAND for any other`,
    ],
  }
}

/** A person opens them: no check looks into them. */
function whatDatagramsAre(port: number | undefined): string {
  if (port === 443) {
    return 'on this port that is QUIC, in which nobody checks whom it is for: programs that are refused it use TCP instead, so write it only for one that does not'
  }
  return 'what datagrams say is not looked at: write it yourself if you trust the server with all that the sandbox knows'
}

/** A rule of the user's own said no, or what was sent was not what a connection of its kind begins with. */
function byRule({ rule, detail }: Attempt, word: string): Found {
  if (readRule(rule, 'deny').mistake !== undefined || rule.startsWith('network.')) {
    return nothing(`it was refused for what it is and not for where it goes: ${detail}`)
  }
  return nothing(`it is denied by the rule "${rule}", which wins over network.allow; take that out to allow ${word}`)
}

function privateRemedy({ host, port, detail }: Attempt): Found {
  const ip = parseIp(detail.split(' ', 1)[0] ?? '')
  if (ip === undefined) return nothing('the address that it leads to is one that no rule opens for names')
  const plain = withoutMapping(ip)
  const text = formatIp(plain)
  if (classOf(plain).kind === 'metadata') {
    return nothing(`only a rule that names the address itself opens a metadata service: ${bracketed(text)}:${port}`)
  }
  const value = `${text}/${plain.family === 4 ? 32 : 128}`
  return {
    remedy: {
      flag: shellLine(['--allow-private', value]),
      grant: { how: 'add', key: ['network', 'private'], value },
      applies: false,
    },
    notes: [
      `this lets every allowed name live at ${text}, inside your own networks, so write it yourself if you know that ${host} belongs there`,
    ],
  }
}

function addressRemedy({ address, udp }: Attempt): Found {
  const endpoint = readEndpoint(address)
  const ip = parseIp(endpoint?.ip ?? '')
  if (endpoint === undefined || ip === undefined)
    return nothing('no rule opens this: rules are about names and about addresses with a port')
  const { port } = endpoint
  if (port === 53)
    return nothing('it asked a name server; names that are allowed are answered inside: --allow-net NAME')
  const plain = withoutMapping(ip)
  const place = withPort(formatIp(plain), port)
  const word = udp === true ? `${place}/udp` : place
  if (readRule(word, 'allow').mistake !== undefined) return nothing('no rule opens an address of this kind')
  const { kind, what } = classOf(plain)
  const notes = [
    'it used an address instead of a name; where that is a name’s, allow the name',
    ...(udp === true ? [whatDatagramsAre(port)] : ['without /udp behind it a rule opens TCP only']),
  ]
  if (kind === 'public') return { remedy: { ...allowNet(word), applies: udp !== true }, notes }
  return {
    remedy: { ...allowNet(word), applies: false },
    notes: [`the address is ${what}: write it yourself`, ...notes],
  }
}

function allowNet(word: string): Remedy {
  return {
    flag: shellLine(['--allow-net', word]),
    grant: { how: 'add', key: ['network', 'allow'], value: word },
    applies: true,
  }
}

function programRemedy({ path, rule }: Attempt): Found {
  if (path === undefined || !path.startsWith('/')) return nothing('the record does not say which program it was')
  const remedy = adding(['exec'], path, '--exec')
  if (rule === 'exec.allow') return { remedy, notes: [] }
  return {
    remedy: adding(['filesystem', 'read'], path, '--read'),
    notes: ['a program can be executed when it is shown to the sandbox, and no exec list leaves it out'],
  }
}

function fileRemedy({ path, access }: Attempt): Found {
  if (path === undefined || !path.startsWith('/')) return nothing('the record does not say which file it was')
  const remedy =
    access === 'write'
      ? adding(['filesystem', 'write'], path, '--write')
      : adding(['filesystem', 'read'], path, '--read')
  const secret = whySecret(path)
  const notes = ['it was recorded before the kernel decided: if the file was shown already, nothing has to be added']
  return secret === undefined
    ? { remedy, notes }
    : {
        remedy: { ...remedy, applies: false },
        notes: [`this is ${secret}: write it yourself if you mean it`, ...notes],
      }
}

function adding(key: readonly string[], value: string, flag: string): Remedy {
  return { flag: shellLine([flag, value]), grant: { how: 'add', key, value }, applies: true }
}

function toolRemedy({ rule, tool }: Attempt): Found {
  if (tool === undefined || rule === 'tools.name') return nothing('no policy shows a tool of such a name')
  const denied = /^tools\.deny (.+)$/s.exec(rule)?.[1]
  if (denied !== undefined) {
    const grant: Grant = { how: 'remove', key: ['tools', 'deny'], value: denied }
    return {
      remedy: { flag: undefined, grant, applies: true },
      notes: [`start it without --deny-tools ${denied}, or take that out of tools.deny`],
    }
  }
  return {
    remedy: adding(['tools', 'allow'], tool, '--tools'),
    notes: ['--tools on a command line replaces the list: name the others too'],
  }
}

function refusalRemedy({ rule, detail }: Attempt): Found {
  const size = /^The message has (\d+) bytes/.exec(detail)?.[1]
  if (rule === 'guard.too-large' && size !== undefined) {
    // In whole MiB, with the newline.
    const value = `${Math.ceil((Number(size) + 1) / 1024 ** 2)}M`
    return {
      remedy: { flag: undefined, grant: { how: 'set', key: ['limits', 'message'], value }, applies: true },
      notes: [],
    }
  }
  return nothing('no policy lets such a message pass: whoever wrote it has to write it otherwise')
}

function nothing(...notes: string[]): Found {
  return { remedy: null, notes }
}
