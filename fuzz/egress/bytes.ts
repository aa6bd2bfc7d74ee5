import { frameOf } from '../../src/egress/datagrams/frames.ts'
import { clientHello } from '../../test/support/client-hello.ts'
import { questionFor } from '../../test/support/egress.ts'
import type { Random } from '../guard/random.ts'
import type { Kind } from './check.ts'

export const kinds: readonly Kind[] = ['first', 'dns', 'head', 'line', 'socks', 'frames']

/** Something that is nearly right, and in half of the cases a little wrong. */
export function randomBytes(kind: Kind, random: Random): Buffer {
  let bytes = makers[kind](random)
  for (let times = random.chance(0.6) ? random.below(4) : 0; times > 0; times--) bytes = mutate(bytes, random)
  return bytes
}

const names = [
  'a.example',
  'A.EXAMPLE',
  'a.example.',
  'evil.example',
  '127.0.0.1',
  'x'.repeat(63),
  '',
  'a.example\0',
  '0x7f.1',
]

const makers: Readonly<Record<Kind, (random: Random) => Buffer>> = {
  first: (random) =>
    random.chance(0.6)
      ? clientHello({
          ...(random.chance(0.9) ? { name: random.pick(['a.example', ...names]) } : {}),
          ech: random.chance(0.1),
          fragment: random.pick([1, 5, 50, 2 ** 14]),
          extensions: random.chance(0.3) ? [[random.below(70), Buffer.alloc(random.below(40), random.below(256))]] : [],
        })
      : httpHead(random),
  dns: (random) => {
    const bytes = questionFor(random.pick(['a.example', ...names]).replace(/^$|\.\.+/, 'x'))
    bytes.writeUInt16BE(random.pick([1, 28, 12, 255, 65, 16, random.below(0x10000)]), bytes.length - 4)
    if (!random.chance(0.4)) return bytes
    bytes.writeUInt16BE(1, 10)
    return Buffer.concat([bytes, Buffer.from([0, 0, 41, 0x10, 0, 0, random.below(2), 0, 0, 0, 0])])
  },
  head: httpHead,
  line: (random) =>
    Buffer.from(
      random.pick([
        '{"id":1,"opened":{"address":"198.18.0.9","port":443}}',
        '{"id":1,"first":{"bytes":"FgMBAgA=","end":false}}',
        '{"id":1,"closed":{"sent":0,"received":0,"reason":"end"}}',
        '{"id":2,"failed":{"errno":111}}',
        '{"id":4,"datagrams":{"address":"198.18.0.9","port":123}}',
        '{"id":3,"query":"EjQB"}',
        '{"link":1}',
        '{"carry":7}',
      ]),
    ),
  frames: (random) =>
    Buffer.concat(
      Array.from({ length: random.below(5) }, () => frameOf(Buffer.alloc(random.below(300), random.below(256)))),
    ),
  socks: (random) =>
    Buffer.concat([Buffer.from([5, 1, 0, random.pick([1, 3, 4])]), Buffer.from('\x09a.example\x01\xbb', 'latin1')]),
}

function httpHead(random: Random): Buffer {
  const method = random.pick(['GET', 'POST', 'OPTIONS', 'PRI', 'get', 'SSH-2.0-x'])
  const target = random.pick([
    '/',
    '/x?y',
    '*',
    'http://a.example:8080/',
    'http://evil.example:8080/',
    '//evil.example/',
    '/\t',
  ])
  const host = random.pick(['a.example:8080', ...names.map((name) => `${name}:8080`), 'a.example', '[::1]:8080'])
  const more = random.pick([
    '',
    'Host: evil.example\r\n',
    'Transfer-Encoding: chunked\r\n',
    'Content-Length: 1\r\n',
    'X: y\r\n',
  ])
  const space = random.chance(0.9) ? ' ' : '\t'
  return Buffer.from(`${method}${space}${target}${space}HTTP/1.1\r\nHost: ${host}\r\n${more}\r\n`, 'latin1')
}

function mutate(bytes: Buffer, random: Random): Buffer {
  if (bytes.length === 0) return bytes
  const at = random.below(bytes.length)
  const [front, back] = [bytes.subarray(0, at), bytes.subarray(at)]
  const byte = Buffer.of(random.pick([0, 1, 10, 13, 32, 0x2e, 0x3a, 0xc0, 0xff, random.below(256)]))
  switch (random.below(5)) {
    case 0:
      return front
    case 1:
      return Buffer.concat([front, byte, back])
    case 2:
      return Buffer.concat([front, byte, back.subarray(1)])
    case 3:
      return Buffer.concat([front, back.subarray(random.below(back.length + 1))])
    default:
      return Buffer.concat([bytes, back])
  }
}
