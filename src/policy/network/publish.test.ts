import assert from 'node:assert/strict'
import { test } from 'node:test'
import { GloveboxError } from '../../errors.ts'
import { formatPublished, readPublish } from './publish.ts'
import { noNetwork, publishedPorts, resolveNetwork } from './words.ts'

test('a port to publish is read with and without where it is reached', () => {
  for (const [text, meaning] of [
    ['3000', '127.0.0.1:0:3000'],
    ['0:3000', '127.0.0.1:0:3000'],
    [':3000', '127.0.0.1:0:3000'],
    ['8080:3000', '127.0.0.1:8080:3000'],
    ['8080:3000/tcp', '127.0.0.1:8080:3000'],
    ['65535:1', '127.0.0.1:65535:1'],
    ['127.0.0.1:8080:3000', '127.0.0.1:8080:3000'],
    ['127.255.0.2::3000', '127.255.0.2:0:3000'],
    ['127.0.0.1:3000', '127.0.0.1:0:3000'],
    ['localhost:8080:3000', '127.0.0.1:8080:3000'],
    ['[::1]:8080:3000', '[::1]:8080:3000'],
    ['[0:0:0:0:0:0:0:1]::3000', '[::1]:0:3000'],
  ] as const) {
    const read = readPublish(text)
    assert.ok(read.mistake === undefined, text)
    assert.equal(formatPublished(read.value), meaning, text)
    assert.deepEqual(readPublish(meaning), { value: read.value }, meaning)
  }
})

test('what is no port to publish is told why, and what to write', () => {
  for (const [text, why, fix] of [
    ['0.0.0.0:8080:3000', /would let other machines reach the sandbox/, /reverse proxy or `ssh -L`/],
    ['[::]:8080:3000', /other machines/, /ssh -L/],
    ['192.168.1.2:8080:3000', /other machines/, /ssh -L/],
    ['[fe80::1]:8080:3000', /other machines/, /ssh -L/],
    ['[::ffff:127.0.0.1]:80:80', /other machines/, /leave the address out/],
    ['128.0.0.1::3000', /other machines/, /./],
    ['0177.1:80:80', /names no address/, /127\.0\.0\.1/],
    ['example.org:80:80', /names no address/, /127\.0\.0\.1/],
    ['[127.0.0.1]:80:80', /names no address/, /\[::1\]/],
    ['::1:8080:3000', /not a port/, /brackets/],
    ['2130706433:80:80', /not a port/, /8080:3000/],
    ['0', /names no port of the sandbox/, /1 to 65535/],
    ['8080:0', /names no port of the sandbox/, /1 to 65535/],
    ['8080:65536', /does not exist: 65536/, /1 to 65535/],
    ['70000:80', /does not exist: 70000/, /1 to 65535/],
    ['53:53/udp', /is not TCP/, /TCP/],
    ['8000-8010:80', /range/, /each port/],
    ['', /not a port/, /8080:3000/],
    ['http', /not a port/, /./],
    ['-1:80', /./, /./],
    ['80:80\u{1b}', /not a port/, /./],
  ] as const) {
    const { mistake } = readPublish(text)
    assert.ok(mistake, text)
    assert.match(mistake.why, why, text)
    assert.match(mistake.fix, fix, text)
  }
})

const ports = (publish: readonly string[], allow: readonly string[] = []) => {
  const words = { ...noNetwork, publish, allow }
  return publishedPorts(words, resolveNetwork(words))
}

function refuses(publish: readonly string[], message: RegExp, allow: readonly string[] = []): void {
  assert.throws(
    () => ports(publish, allow),
    (error) =>
      error instanceof GloveboxError && error.code === 'POLICY_INVALID' && message.test(error.message) && !!error.fix,
  )
}

test('one port of this machine leads to one port; free ones are as many as are asked for', () => {
  refuses(['8080:3000', '8080:4000'], /"8080:4000" is the second to publish on port 8080 of 127\.0\.0\.1/)
  refuses(['8080:3000', 'localhost:8080:3000'], /is the second/)
  assert.equal(ports(['8080:3000', '127.0.0.2:8080:3000', '[::1]:8080:3000']).length, 3)
  assert.equal(ports(['0:3000', '3000', '4000']).length, 3)
  refuses(
    Array.from({ length: 65 }, (_, index) => String(index + 1)),
    /65 ports, and 64 is the most/,
  )
})

test('a port on which connections to the outside begin is not one that a server can have', () => {
  assert.equal(ports(['443', '53', '3128']).length, 3)
  for (const port of ['443', '8000', '53', '3128']) {
    refuses([`0:${port}`], /nothing inside can listen on/, ['a.example', 'b.example:8000-8010'])
  }
  assert.equal(ports(['8443'], ['a.example']).length, 1)
})
