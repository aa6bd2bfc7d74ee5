import assert from 'node:assert/strict'
import { test } from 'node:test'
import * as fc from 'fast-check'
import type { Attempt } from './attempt.ts'
import { explain } from './explain.ts'
import { shellWord } from './shell.ts'

const nobody: Attempt = {
  id: 'gbx-0c5f3a9d1e27:42',
  time: 0,
  server: 'files',
  kind: 'connect',
  verdict: 'denied',
  rule: 'network.default-deny',
  program: '/usr/bin/curl',
  pid: 7,
  address: undefined,
  host: undefined,
  port: undefined,
  path: undefined,
  access: undefined,
  tool: undefined,
  detail: '',
}

const cases: readonly {
  readonly title: string
  readonly attempt: Partial<Attempt>
  readonly what: RegExp
  /** The flag, or undefined where there is none. */
  readonly flag: string | undefined
  readonly applies?: boolean
  readonly note?: RegExp
}[] = [
  {
    title: 'a public address is opened by its rule',
    attempt: { address: '8.8.8.8:443' },
    what: /^\/usr\/bin\/curl \(process 7\), in "files", wanted to connect to 8\.8\.8\.8:443, and was refused\.$/,
    flag: '--allow-net 8.8.8.8:443',
    applies: true,
  },
  {
    title: 'a private address has a line, which a person writes',
    attempt: { address: '10.0.0.5:5432' },
    what: /10\.0\.0\.5:5432/,
    flag: '--allow-net 10.0.0.5:5432',
    applies: false,
    note: /private \(RFC 1918\)/,
  },
  {
    title: 'a mapped address is opened as what it is',
    attempt: { address: '[::ffff:8.8.8.8]:443' },
    what: /::ffff/,
    flag: '--allow-net 8.8.8.8:443',
    applies: true,
  },
  {
    title: 'a question to a name server has no rule',
    attempt: { address: '8.8.8.8:53' },
    what: /:53/,
    flag: undefined,
    note: /--allow-net NAME/,
  },
  {
    title: 'a name that is looked up where there is no network is told as that, with the line to complete',
    attempt: { rule: 'network.no-resolver', address: '127.0.0.1:53', server: 'files' },
    what: /, wanted to look up a name, and was refused\.$/,
    flag: '--allow-net NAME',
    applies: false,
    note: /To find the names that it needs: glovebox policy learn files for/,
  },
  { title: 'multicast has no rule', attempt: { address: '224.0.0.1:5353' }, what: /224/, flag: undefined },
  {
    title: 'a datagram to an address has a line, which a person writes',
    attempt: { kind: 'send', address: '8.8.8.8:443' },
    what: /send a datagram/,
    flag: '--allow-net 8.8.8.8:443/udp',
    applies: false,
    note: /QUIC/,
  },
  {
    title: 'datagrams to a name are opened by a rule that says so',
    attempt: {
      kind: 'egress-refuse',
      host: 'time.example',
      port: 123,
      udp: true,
      detail: 'no rule allows it',
      count: 9,
    },
    what: /wanted to send datagrams to time\.example on port 123, 9 times, and none left: no rule allows it\.$/,
    flag: '--allow-net time.example:123/udp',
    applies: false,
    note: /not looked at/,
  },
  {
    title: 'datagrams do not pass a proxy',
    attempt: { kind: 'egress-refuse', rule: 'network.proxy', host: 'time.example', port: 123, udp: true },
    what: /send datagrams/,
    flag: undefined,
    note: /NO_PROXY/,
  },
  { title: 'another family has no rule', attempt: { address: 'family 40' }, what: /family 40/, flag: undefined },
  {
    title: 'a socket of the host has no rule',
    attempt: { rule: 'unix.host-socket', address: 'unix:/run/docker.sock' },
    what: /docker\.sock/,
    flag: undefined,
    note: /wall/,
  },
  {
    title: 'a name that was looked up is opened by its name',
    attempt: { kind: 'lookup', host: 'api.example.org', address: '198.18.0.1:53' },
    what: /looked up the name api\.example\.org, and was told that there is no such name/,
    flag: '--allow-net api.example.org',
    applies: true,
    note: /port 443/,
  },
  {
    title: 'a name with a port is opened with it',
    attempt: { kind: 'egress-refuse', host: 'db.example.org', port: 5432, detail: 'no rule allows it' },
    what: /connect to db\.example\.org on port 5432, and the connection was cut off: no rule allows it/,
    flag: '--allow-net db.example.org:5432',
    applies: true,
  },
  {
    title: 'what is no name has no rule',
    attempt: { kind: 'lookup', rule: 'network.not-a-name', host: 'a\\000b' },
    what: /a\\000b/,
    flag: undefined,
  },
  {
    title: 'a hostile name becomes no flag',
    attempt: { kind: 'lookup', host: 'x; rm -rf ~' },
    what: /looked up/,
    flag: undefined,
  },
  {
    title: 'a name that leads to a private address names the range, which a person writes',
    attempt: {
      kind: 'egress-refuse',
      rule: 'network.address',
      host: 'git.corp',
      port: 443,
      detail: '10.0.0.5 is private (RFC 1918)',
    },
    what: /git\.corp/,
    flag: '--allow-private 10.0.0.5/32',
    applies: false,
  },
  {
    title: 'a name that leads to a metadata service is opened by no range',
    attempt: {
      kind: 'egress-refuse',
      rule: 'network.address',
      host: 'x.example',
      port: 80,
      detail: '169.254.169.254 is metadata',
    },
    what: /x\.example/,
    flag: undefined,
    note: /169\.254\.169\.254:80/,
  },
  {
    title: 'a rule that denies is named, and not worked around',
    attempt: {
      kind: 'egress-refuse',
      rule: '*.example.org',
      host: 'a.example.org',
      port: 443,
      detail: 'no rule allows it',
    },
    what: /a\.example\.org/,
    flag: undefined,
    note: /wins over network\.allow/,
  },
  {
    title: 'another name in the handshake is no matter of rules',
    attempt: {
      kind: 'egress-refuse',
      rule: 'network.sni',
      host: 'a.example.org',
      port: 443,
      detail: 'the handshake names b.example.org',
    },
    what: /a\.example\.org/,
    flag: undefined,
    note: /the handshake names/,
  },
  {
    title: 'a program outside of the list',
    attempt: { kind: 'exec', rule: 'exec.allow', path: '/usr/bin/id' },
    what: /execute \/usr\/bin\/id/,
    flag: '--exec /usr/bin/id',
    applies: true,
  },
  {
    title: 'a path is quoted for the shell',
    attempt: { kind: 'open', verdict: 'recorded', rule: 'kernel', path: "/srv/my file's", access: 'read' },
    what: /open/,
    flag: String.raw`--read '/srv/my file'\''s'`,
    applies: true,
  },
  {
    title: 'a file to write',
    attempt: { kind: 'open', verdict: 'recorded', rule: 'kernel', path: '/srv/log', access: 'write' },
    what: /to write to it; whether it could is not in the record/,
    flag: '--write /srv/log',
    applies: true,
  },
  {
    title: 'a secret has a line, which a person writes',
    attempt: { kind: 'open', verdict: 'recorded', path: '/home/ann/.ssh/id_ed25519', access: 'read' },
    what: /id_ed25519/,
    flag: '--read /home/ann/.ssh/id_ed25519',
    applies: false,
    note: /keys for other machines/,
  },
  {
    title: 'a tool outside of the list',
    attempt: { kind: 'message', rule: 'tools.allow', tool: 'write_file', program: undefined },
    what: /^A client of "files" called the tool write_file, and was refused\.$/,
    flag: '--tools write_file',
    applies: true,
  },
  {
    title: 'a hidden tool is taken out of the list',
    attempt: { kind: 'message', rule: 'tools.deny delete_*', tool: 'delete_all' },
    what: /delete_all/,
    flag: undefined,
    applies: true,
    note: /--deny-tools delete_\*/,
  },
  {
    title: 'a message of the wrong shape',
    attempt: {
      kind: 'refusal',
      rule: 'guard.malformed-json',
      detail: 'The message is not JSON: byte 3 cannot stand there.',
    },
    what: /byte 3/,
    flag: undefined,
    note: /no policy/i,
  },
  {
    title: 'a message that is too large',
    attempt: {
      kind: 'refusal',
      rule: 'guard.too-large',
      detail: 'The message has 9000000 bytes; 8388608 are allowed (limits.message).',
    },
    what: /9000000/,
    flag: undefined,
    applies: true,
  },
  {
    title: 'memory',
    attempt: {
      kind: 'limit',
      rule: 'limits.memory',
      detail: 'the sandbox used more than its 512 MiB of memory and was ended',
    },
    what: /512 MiB/,
    flag: '--memory 1024M',
    applies: true,
  },
  {
    title: 'processes',
    attempt: {
      kind: 'limit',
      rule: 'limits.pids',
      detail: 'the sandbox wanted more than 128 processes and threads, and was refused',
    },
    what: /128/,
    flag: '--pids 256',
    applies: true,
  },
  {
    title: 'time of a program',
    attempt: { kind: 'limit', rule: 'limits.time', detail: 'the program ran longer than its 100 ms and was ended' },
    what: /100 ms/,
    flag: '--time 200ms',
    applies: true,
  },
  {
    title: 'time of a request',
    attempt: {
      kind: 'limit',
      rule: 'limits.time',
      detail: 'The request tools/call took longer than 1.5 s (limits.time).',
    },
    what: /1\.5 s/,
    flag: '--time 3s',
    applies: true,
  },
  {
    title: 'a start that failed is never made weaker',
    attempt: { kind: 'start-failed', verdict: 'failed', rule: '', detail: 'memory cannot be limited here' },
    what: /memory cannot/,
    flag: undefined,
    note: /--allow-degraded/,
  },
]

for (const { title, attempt, what, flag, applies, note } of cases) {
  test(`explained: ${title}`, () => {
    const found = explain({ ...nobody, ...attempt })
    assert.match(found.what, what)
    assert.equal(found.remedy?.flag, flag)
    assert.equal(found.remedy?.applies, applies)
    if (note !== undefined) assert.match(found.notes.join('\n'), note)
    assert.match(found.why, /^[A-Z].+\.$/)
    assert.ok(found.remedy !== null || found.notes.length > 0, 'where nothing allows it, it is said why')
  })
}

test('no flag that is suggested is more than its words, whatever a program called itself', () => {
  const text = fc.string({ unit: 'binary', maxLength: 40 })
  const kinds = fc.constantFrom('connect', 'open', 'exec', 'lookup', 'egress-refuse', 'message', 'limit', 'refusal')
  fc.assert(
    fc.property(
      kinds,
      fc.record({ path: text, host: text, address: text, tool: text, rule: text, detail: text }),
      (kind, texts) => {
        const { remedy } = explain({ ...nobody, ...texts, kind, path: `/${texts.path}` })
        assert.doesNotMatch(remedy?.flag?.replaceAll(/'[^']*'/g, '') ?? '', /[;&|$`<>(){}"*?~#\n]/)
      },
    ),
  )
})

test('a word is quoted where a shell would read it as something else', () => {
  assert.equal(shellWord('/a-b_c.d:1'), '/a-b_c.d:1')
  assert.equal(shellWord('a b'), "'a b'")
  assert.equal(shellWord('$(x)'), "'$(x)'")
  assert.equal(shellWord(''), "''")
})
