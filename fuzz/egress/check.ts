import { createFrames, frameOf, maxDatagram } from '../../src/egress/datagrams/frames.ts'
import { createStub } from '../../src/egress/dns/stub.ts'
import { judgeFirstBytes, maxFirstBytes, type Finding } from '../../src/egress/first-bytes/judge.ts'
import { checkHead } from '../../src/egress/http/head.ts'
import { parseFromRelay, parseGreeting } from '../../src/egress/link/line.ts'
import { createNames } from '../../src/egress/names.ts'
import { readGreeting, readRequest } from '../../src/egress/proxy/socks.ts'
import type { Random } from '../guard/random.ts'

export type Kind = 'first' | 'dns' | 'head' | 'line' | 'socks' | 'frames'

const origin = { name: 'a.example', port: 8080 }

/** What it came to. @throws what no bytes may lead to, with why */
export function checkBytes(kind: Kind, bytes: Buffer, random: Random): string {
  return checks[kind](bytes, random)
}

const checks: Readonly<Record<Kind, (bytes: Buffer, random: Random) => string>> = {
  first: checkFirst,
  dns: checkDns,
  head: checkRequest,
  frames: checkFrames,
  line(bytes) {
    const line = bytes.toString('utf8')
    return parseFromRelay(line) === undefined && parseGreeting(line) === undefined ? 'refused' : 'taken'
  },
  socks(bytes) {
    for (const read of [readGreeting, readRequest]) {
      const step = read(bytes)
      if ('bytes' in step && step.bytes > bytes.length) throw new Error('more was read than there is')
    }
    return readRequest(bytes).kind
  },
}

/** However it is cut, the same datagrams come out, and they are what was put in. */
function checkFrames(bytes: Buffer, random: Random): string {
  const whole: Buffer[] = []
  createFrames((datagram) => void whole.push(datagram))(bytes)
  const pieces: Buffer[] = []
  const take = createFrames((datagram) => void pieces.push(Buffer.from(datagram)))
  for (let at = 0; at < bytes.length;) {
    const step = 1 + random.below(7)
    take(bytes.subarray(at, at + step))
    at += step
  }
  if (whole.length !== pieces.length || whole.some((each, at) => pieces[at]?.equals(each) !== true))
    throw new Error('datagrams depend on how the stream was cut')
  if (whole.some(({ length }) => length > maxDatagram)) throw new Error('a datagram is too long')
  if (!bytes.subarray(0, Buffer.concat(whole.map(frameOf)).length).equals(Buffer.concat(whole.map(frameOf))))
    throw new Error('what comes out was not put in')
  return whole.length > 0 ? 'taken' : 'refused'
}

function checkFirst(bytes: Buffer, random: Random): string {
  const port = random.pick([443, 80, 8080])
  const target = { name: origin.name, port }
  const verdict = (length: number): Finding => judgeFirstBytes(bytes.subarray(0, length), false, target)
  let decided: Finding | undefined
  const step = 1 + random.below(9)
  for (let length = 0; length <= Math.min(bytes.length, maxFirstBytes); length += step) {
    const found = verdict(length)
    if (decided === undefined && found.is !== 'more') decided = found
    else if (decided !== undefined && decided.is !== found.is) throw new Error(`${decided.is}, and then ${found.is}`)
  }
  const all = judgeFirstBytes(bytes, true, target)
  if (all.is === 'more') throw new Error('more is waited for, where nothing comes')
  // A careless reader looks for the name in the clear.
  const isTls = bytes[0] === 22
  if (
    all.is === 'pass' &&
    isTls &&
    !bytes
      .toString('latin1')
      .toLowerCase()
      .replaceAll(/\x16\x03.../gs, '')
      .includes(origin.name)
  )
    throw new Error('TLS that does not have the name passes')
  if (all.is === 'pass' && bytes.length > 0 && port === 443 && !isTls) throw new Error('no TLS on port 443')
  if (all.is === 'pass' && bytes.length > 0 && port === 80) throw new Error('port 80 is never passed on unread')
  return all.is
}

function checkDns(bytes: Buffer): string {
  const names = createNames()
  const refused: string[] = []
  const stub = createStub({
    names,
    resolves: (name) => ({ allowed: name === origin.name, rule: 'r' }),
    onRefused: ({ name }) => void refused.push(name),
  })
  const reply = stub(bytes)
  if (reply.length === 0) return 'passed over'
  if (reply.length > 512) throw new Error(`an answer of ${reply.length} bytes`)
  if (!reply.subarray(0, 2).equals(bytes.subarray(0, 2))) throw new Error('the answer to another question')
  if ((reply.readUInt16BE(2) & 0x8000) === 0) throw new Error('an answer that is a question')
  const answers = reply.readUInt16BE(6)
  if (answers > 0 && refused.length > 0) throw new Error('refused, and answered')
  for (const name of refused)
    if (/[^\u{21}-\u{7e}]/u.test(name)) throw new Error(`hostile text: ${JSON.stringify(name)}`)
  if (refused.length > 0) return 'refused'
  return answers > 0 ? 'answered' : 'empty'
}

/** Splits as a careless proxy would, and lets checkHead decide. */
function checkRequest(bytes: Buffer): string {
  const [first = '', ...lines] = bytes.toString('latin1').split('\r\n')
  const [method = '', url = '', version = ''] = first.split(' ')
  const rawHeaders = lines.flatMap((line) => {
    const colon = line.indexOf(':')
    return colon < 0 ? [] : [line.slice(0, colon), line.slice(colon + 1).trim()]
  })
  const found = checkHead(
    { method, url, version: version.replace(/^HTTP\//, ''), rawHeaders },
    { origin, secure: false },
  )
  if ('status' in found) return 'refused'
  if (!('name' in found.to) || found.to.name !== origin.name || found.to.port !== origin.port)
    throw new Error(`forwarded to ${JSON.stringify(found.to)}`)
  if (!/^(?:\/[\u{21}-\u{7e}]*|\*)$/u.test(found.path))
    throw new Error(`a path that is none: ${JSON.stringify(found.path)}`)
  return 'forwarded'
}
