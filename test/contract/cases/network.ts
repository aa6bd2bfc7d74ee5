import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import type { Plan } from '../../../src/policy/plan.ts'
import type { Policy } from '../../../src/policy/policy.ts'
import { noNetwork } from '../../../src/policy/network/words.ts'
import { eventually } from '../../support/eventually.ts'
import { netServers, type NetServers } from '../../support/net-servers.ts'
import { npmRegistry } from '../../support/npm-registry.ts'
import { isLong, unlessPresent } from '../../support/requirement.ts'
import { startResolver } from '../../support/world/resolver.ts'
import type { Contract, Ran } from '../context.ts'

const name = 'server.test'
const attacks = path.resolve(import.meta.dirname, '../../../native/target/release/attacks')

/** Programs that know nothing of a sandbox, talking to a server that they are allowed to talk to. */
export function networkCases({ plan, run, start, dials, differences }: Contract): void {
  const planTo = (port: number, resolver: number, command: readonly string[], policy: Partial<Policy> = {}): Plan =>
    plan(command, {
      ...policy,
      network: {
        ...noNetwork,
        allow: [`${name}:${port}`],
        private: ['127.0.0.0/8', '::1/128'],
        resolvers: [`127.0.0.1:${resolver}`],
      },
    })

  interface Box {
    readonly servers: NetServers
    readonly directory: string
    /** A plan that lets a program talk to the server on this port. */
    readonly to: (port: number, command: readonly string[], policy?: Partial<Policy>) => Plan
    /** Runs it, and gives what it said; fails when it failed. */
    readonly said: (port: number, command: readonly string[], policy?: Partial<Policy>) => Promise<string>
  }

  const withServers = (title: string, body: (box: Box) => Promise<void>, skip: string | false = false): void =>
    void test(title, { skip }, async () => {
      await using servers = netServers(name)
      await using resolver = await startResolver({ zone: { [name]: { a: ['127.0.0.1'], aaaa: ['::1'] } } })
      const directory = mkdtempSync(path.join(tmpdir(), 'glovebox-contract-'))
      const to: Box['to'] = (port, command, policy) => planTo(port, resolver.port, command, policy)
      try {
        await body({
          servers,
          directory,
          to,
          said: async (port, command, policy) => output(await run(to(port, command, policy))),
        })
      } finally {
        rmSync(directory, { recursive: true })
      }
    })

  const node = (script: string, ...args: readonly string[]): string[] => [process.execPath, '-e', script, ...args]
  const readable = (file: string): Partial<Policy> => ({ filesystem: { read: [file], write: [], deny: [] } })

  for (const family of [4, 6]) {
    withServers(
      `a program that only knows connect(2) reaches an allowed name by IPv${family}`,
      async ({ servers, said }) => {
        const port = await servers.echo()
        const words = ['run', 'egress-say', `name=${name}`, `port=${port}`, `family=${family}`]
        const line = await said(port, [attacks, ...words, `pieces=${Buffer.from('gbx-plain\n').toString('hex')}`])
        assert.match(line, /reached: REACHED gbx-plain/)
      },
    )
  }

  withServers(
    'a server that speaks first is heard, and an end in one direction is no end in the other',
    async (box) => {
      const port = await box.servers.counting()
      const script = `const s = require('net').connect({ host: '${name}', port: ${port}, allowHalfOpen: true });
      s.once('data', (d) => { process.stdout.write(d); s.on('data', (d) => process.stdout.write(d)); s.end(Buffer.alloc(70000, 1)) })`
      assert.equal(await box.said(port, node(script)), 'welcome\n70000 bytes\n')
    },
  )

  const cut = async ({ servers, said }: Box): Promise<string[]> => {
    const port = await servers.cutting()
    const script = `const one = () => new Promise((done) => { const s = require('net').connect(${port}, '${name}');
        let got = ''; s.on('connect', () => s.write('\\x01')).on('data', (d) => (got += d)).on('end', () => done('end')).on('error', (e) => done(got + ' ' + e.code)) });
      Promise.all(Array.from({ length: 50 }, one)).then((ends) => console.log([...new Set(ends)].join('\\n')))`
    return (await said(port, node(script))).replace(/\n$/, '').split('\n')
  }

  withServers('what a server cuts is a reset for the program, each time', async (box) => {
    for (const end of await cut(box)) assert.match(end, /^(half)? ECONNRESET$/)
  })

  withServers(
    'what a server says right before it cuts is heard, each time',
    async (box) => assert.deepEqual(await cut(box), ['half ECONNRESET']),
    differences.saidLast,
  )

  withServers(
    'what a server says before it goes in the middle of a long request is heard, each time',
    async ({ servers, said }) => {
      const port = await servers.refusing()
      const script = `
import socket
def one():
    s = socket.create_connection(('${name}', ${port}))
    try:
        for _ in range(1000): s.sendall(b'\\x01' * 65536)
    except OSError: pass
    got = b''
    try:
        while piece := s.recv(4096): got += piece
    except OSError: pass
    return got.decode()
print(sorted({one() for _ in range(30)}))`
      assert.equal(await said(port, ['/usr/bin/python3', '-c', script]), "['enough']\n")
    },
    dials === 'host'
      ? 'where the host makes the connections, Node closes one that it cannot write to any more, with what was not read'
      : unlessProgram('PYTHON', '/usr/bin/python3'),
  )

  withServers('many bytes go both ways at once and arrive as they were', async ({ servers, said }) => {
    const megabytes = isLong() ? 100 : 20
    const port = await servers.echo()
    // Not at random the first byte of TLS (22), which would have to be a whole hello for this name.
    const script = `const { createHash, randomBytes } = require('crypto');
      const s = require('net').connect(${port}, '${name}'); const [up, down] = [createHash('sha256'), createHash('sha256')];
      const piece = randomBytes(1 << 20); piece[0] = 0x80; let sent = 0, got = 0; const all = ${megabytes} << 20;
      s.on('data', (d) => { down.update(d); got += d.length; if (got === all) { console.log(up.digest('hex') === down.digest('hex')); s.end() } });
      const more = () => { while (sent < all) { up.update(piece); sent += piece.length; if (!s.write(piece)) return s.once('drain', more) } };
      s.on('connect', more)`
    assert.equal(await said(port, node(script)), 'true\n')
  })

  withServers('a thousand connections are open at once', async ({ servers, said }) => {
    const port = await servers.echo()
    // Looked up once: a thousand lookups, four at a time as Node makes them, are a test of those.
    const script = `require('dns').promises.lookup('${name}', 4).then(({ address }) => { const all = Array.from({ length: 1000 }, (_, at) => new Promise((done, fail) => {
        const s = require('net').connect(${port}, address); s.on('error', fail).on('connect', () => s.write('n' + at + '\\n'));
        s.on('data', (d) => String(d) === 'n' + at + '\\n' ? done(s) : fail(new Error(String(d)))) }));
      return Promise.all(all) }).then((open) => { console.log(open.filter((s) => !s.destroyed).length); open.forEach((s) => s.destroy()) })`
    assert.equal(await said(port, node(script)), '1000\n')
  })

  withServers('sandboxes ask again and again without an error', async ({ servers, to }) => {
    const [boxes, each] = isLong() ? [differences.crowd, 100] : [4, 50]
    const port = await servers.http((_, response) => void response.end('ok'))
    const script = `(async () => { let ok = 0; for (let i = 0; i < ${each}; i++) {
        const begun = Date.now(); ok += Number(await (await fetch('http://${name}:${port}/' + i)).text() === 'ok');
        await new Promise((r) => setTimeout(r, Math.max(0, 10 - (Date.now() - begun)))) }
      console.log(ok) })()`
    const ran = await Promise.all(Array.from({ length: boxes }, async () => run(to(port, node(script)))))
    assert.deepEqual(ran.map(output), Array<string>(boxes).fill(`${each}\n`))
  })

  withServers('fetch of Node reaches it in the clear and by TLS', async ({ servers, directory, said }) => {
    const script = (url: string): string => `fetch('${url}').then((r) => r.text()).then(console.log)`
    const clear = await servers.http((_, response) => void response.end('clear'))
    assert.equal(await said(clear, node(script(`http://${name}:${clear}/`))), 'clear\n')
    const tls = await servers.https((_, response) => void response.end('tls'))
    const file = path.join(directory, 'ca.pem')
    writeFileSync(file, servers.authority)
    const policy = { ...readable(file), env: { NODE_EXTRA_CA_CERTS: file } }
    assert.equal(await said(tls, node(script(`https://${name}:${tls}/`)), policy), 'tls\n')
  })

  withServers('a WebSocket is opened, and texts go both ways', async ({ servers, said }) => {
    const port = await servers.webSocket()
    const script = `const w = new WebSocket('ws://${name}:${port}/'); w.onopen = () => w.send('there and back');
      w.onmessage = (m) => { console.log(m.data); process.exit() }; w.onerror = (e) => console.log('error', e.message)`
    assert.equal(await said(port, node(script)), 'there and back\n')
  })

  withServers(
    'urllib of Python reaches it, with and without the proxy',
    async ({ servers, said }) => {
      const port = await servers.http((_, response) => void response.end('python'))
      const script = `import urllib.request as u; print(u.urlopen("http://${name}:${port}/").read().decode())`
      assert.equal(await said(port, ['/usr/bin/python3', '-c', script]), 'python\n')
      const direct = `import urllib.request as u; print(u.build_opener(u.ProxyHandler({})).open("http://${name}:${port}/").read().decode())`
      assert.equal(await said(port, ['/usr/bin/python3', '-c', direct]), 'python\n')
    },
    unlessProgram('PYTHON', '/usr/bin/python3'),
  )

  const ways: readonly (readonly [string, readonly string[]])[] = [
    ['without a proxy', ['--noproxy', '*']],
    ['by IPv6', ['--noproxy', '*', '-6']],
    ['as the environment says', []],
    ['through the proxy', ['--proxy', 'http://198.18.0.2:3128']],
    ['through a tunnel of the proxy', ['--proxytunnel', '--proxy', 'http://198.18.0.2:3128']],
    ['by SOCKS5', ['--socks5-hostname', '198.18.0.2:3128']],
  ]
  for (const [how, flags] of ways) {
    withServers(
      `curl reaches it ${how}, in the clear and by TLS`,
      async ({ servers, directory, said }) => {
        const clear = await servers.http((_, response) => void response.end('clear'))
        const curl = ['/usr/bin/curl', '-sS', '--max-time', '20', ...flags]
        assert.equal(await said(clear, [...curl, `http://${name}:${clear}/`]), 'clear')
        const tls = await servers.https((_, response) => void response.end('tls'))
        const file = path.join(directory, 'ca.pem')
        writeFileSync(file, servers.authority)
        assert.equal(await said(tls, [...curl, '--cacert', file, `https://${name}:${tls}/`], readable(file)), 'tls')
      },
      unlessProgram('CURL', '/usr/bin/curl'),
    )
  }

  withServers(
    'git clones over TLS',
    async ({ servers, directory, said }) => {
      const repository = path.join(directory, 'repository')
      const file = path.join(directory, 'ca.pem')
      writeFileSync(file, servers.authority)
      makeRepository(repository)
      const port = await servers.https((request, response) => {
        const asked = path.join(repository, '.git', path.normalize((request.url ?? '/').split('?')[0] ?? '/'))
        if (!existsSync(asked)) return void response.writeHead(404).end()
        return void response.end(readFileSync(asked))
      })
      const script = `cd /tmp && git clone -q https://${name}:${port}/ clone && cat clone/file`
      const policy = { ...readable(file), env: { GIT_SSL_CAINFO: file, GIT_TERMINAL_PROMPT: '0' } }
      assert.equal(await said(port, ['sh', '-c', script], policy), 'in the repository\n')
    },
    unlessProgram('GIT', '/usr/bin/git'),
  )

  const npm = path.join(path.dirname(process.execPath), '../lib/node_modules/npm/bin/npm-cli.js')
  const cli = [npm, '/usr/share/nodejs/npm/bin/npm-cli.js', '/usr/lib/node_modules/npm/bin/npm-cli.js'].find(existsSync)
  withServers(
    'npm installs from a registry',
    async ({ said }) => {
      await using registry = await npmRegistry([
        { name: 'inside', version: '1.0.0', manifest: { dependencies: { deeper: '1.x' } } },
        { name: 'deeper', version: '1.2.3', files: { 'index.js': 'module.exports = "installed"' } },
      ])
      const port = Number(new URL(registry.url).port)
      const npmRoot = path.resolve(cli ?? '', '../..')
      const script = `cd /tmp && echo '{}' > package.json && "$0" "$1" install --no-audit --no-fund --no-update-notifier --loglevel error --registry http://${name}:${port}/ inside >&2 && "$0" -p 'require("deeper")'`
      const words = ['sh', '-c', script, process.execPath, cli ?? '']
      const read = [npmRoot, process.execPath]
      assert.equal(await said(port, words, { filesystem: { read, write: [], deny: [] } }), 'installed\n')
      assert.ok(registry.requests.length >= 4, registry.requests.join(' '))
    },
    cli?.startsWith('/usr/') === true && differences.hostSystem !== false
      ? differences.hostSystem
      : unlessPresent('NPM', cli === undefined ? 'there is no npm' : undefined),
  )

  withServers('what is not allowed is still refused', async ({ servers, said }) => {
    const port = await servers.echo()
    const other = await servers.echo()
    const script = (where: string): string =>
      `require('net').connect(${where}).on('connect', function () { this.write('gbx-no') }).on('data', (d) => console.log('' + d)).on('error', (e) => console.log(e.code)).on('end', () => console.log('end'))`
    assert.doesNotMatch(await said(port, node(script(`${other}, '${name}'`))), /REACHED/)
    assert.doesNotMatch(await said(port, node(script(`${port}, '127.0.0.1'`))), /REACHED/)
    assert.match(await said(port, node(script(`${port}, 'other.test'`))), /ENOTFOUND|EAI_/)
  })

  withServers('a sandbox that is ended ends its connections', async ({ servers, to }) => {
    const port = await servers.counting()
    const script = `require('net').connect(${port}, '${name}').once('data', () => console.log('open'))`
    const { wall, stdio } = await start(to(port, node(script)))
    await new Promise((resolve) => stdio.stdout.once('data', resolve))
    assert.equal(servers.connections(), 1)
    await wall.stop(0)
    await eventually(() => (servers.connections() === 0 ? true : undefined))
  })
}

function output({ stdout, stderr, exit }: Ran): string {
  assert.equal(exit.code, 0, `${stderr.toString()}\n${stdout.toString()}`)
  return stdout.toString()
}

function unlessProgram(component: string, file: string): string | false {
  return unlessPresent(component, existsSync(file) ? undefined : `there is no ${file}`)
}

/** One commit, and what a server that only hands out files needs beside it (git-update-server-info(1)). */
function makeRepository(directory: string): void {
  const git = (...words: string[]): void => {
    const env = { PATH: '/usr/bin:/bin', HOME: directory, GIT_CONFIG_NOSYSTEM: '1' }
    const identity = ['-c', 'user.name=test', '-c', 'user.email=test@example.org', '-c', 'safe.directory=*']
    const { status, stderr } = spawnSync('/usr/bin/git', [...identity, ...words], {
      cwd: directory,
      env,
      encoding: 'utf8',
    })
    assert.equal(status, 0, stderr)
  }
  spawnSync('/usr/bin/git', ['init', '-q', directory])
  writeFileSync(path.join(directory, 'file'), 'in the repository\n')
  git('add', 'file')
  git('commit', '-q', '-m', 'one')
  git('update-server-info')
}
