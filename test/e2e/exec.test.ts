import assert from 'node:assert/strict'
import {
  chownSync,
  copyFileSync,
  existsSync,
  mkdirSync,
  readFileSync,
  realpathSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { runners } from '../support/as-user.ts'
import { glovebox, start } from '../support/mcp-client.ts'

for (const runner of runners()) {
  const as = ` (${runner.name})`
  const exec = (...args: string[]) => start(runner, ['exec', ...args]).ended

  test(`exec gives the program's own exit code, output and signal${as}`, async () => {
    assert.equal((await exec('--', 'sh', '-c', 'exit 42')).code, 42)
    assert.equal((await exec('--', 'sh', '-c', 'kill -9 $$')).code, 137)
    const { stdout, stderr } = await exec('--', 'sh', '-c', 'echo out; echo err >&2')
    assert.deepEqual([stdout, stderr], ['out\n', 'err\n'])
  })

  test(`input and output are binary-safe and of any length${as}`, async () => {
    const { child, ended } = start(runner, ['exec', '--', 'sha256sum'])
    const bytes = Buffer.alloc(8 * 1024 ** 2, Buffer.from([0, 255, 10, 13, 27]))
    child.stdin?.end(bytes)
    const { createHash } = await import('node:crypto')
    assert.equal((await ended).stdout.split(' ')[0], createHash('sha256').update(bytes).digest('hex'))
  })

  test(`what is not there and what cannot be executed have their own exit codes${as}`, async () => {
    const plain = path.join(runner.home, 'plain.txt')
    writeFileSync(plain, 'no program')
    chownSync(plain, runner.uid, runner.gid)
    assert.equal((await exec('--', 'no-such-program-anywhere')).code, 127)
    assert.equal((await exec('--', plain)).code, 126)
    assert.equal((await exec('--no-such-flag', '--', 'true')).code, 2)
    assert.equal((await exec('--memory', 'lots', '--', 'true')).code, 2)
    assert.equal((await exec('--driver', 'kubernetes', '--', 'true')).code, 3)
    assert.equal((await exec('--allow-net', 'https://example.org/', '--', 'true')).code, 2)
  })

  test(`a Python of pyenv is the one that its shim would start, with its own libraries${as}`, () => {
    const system = realpathSync('/usr/bin/python3')
    const root = path.join(runner.home, 'pyenv')
    const version = path.join(root, 'versions/9.9.9')
    for (const name of ['shims', 'versions/9.9.9/bin', 'versions/9.9.9/lib'])
      mkdirSync(path.join(root, name), { recursive: true })
    const shim = '#!/usr/bin/env bash\nset -e\nexec "/opt/pyenv/libexec/pyenv" exec "$program" "$@"\n'
    writeFileSync(path.join(root, 'shims/python3'), shim, { mode: 0o755 })
    writeFileSync(path.join(root, 'version'), '9.9\n')
    copyFileSync(system, path.join(version, 'bin', path.basename(system)))
    symlinkSync(path.basename(system), path.join(version, 'bin/python3'))
    symlinkSync(`/usr/lib/${path.basename(system)}`, path.join(version, 'lib', path.basename(system)))
    const script = path.join(runner.home, 'prefix.py')
    writeFileSync(script, '#!/usr/bin/env python3\nimport sys\nprint(sys.prefix, sys.executable)\n', { mode: 0o755 })
    const own = `${version} ${version}/bin/python3\n`
    for (const command of [['python3', script], [script]]) {
      const [program, ...words] = glovebox(runner, ['exec', '--', ...command])
      const PATH = `${root}/shims:${path.dirname(runner.node)}:/usr/bin:/bin`
      const { status, stdout, stderr } = runner.spawnSync('env', [`PATH=${PATH}`, program, ...words])
      assert.deepEqual([status, stdout, stderr], [0, own, ''])
    }
  })

  test(`a failure with --json is one JSON document on stderr${as}`, async () => {
    const { stderr, stdout } = await exec('--json', '--driver', 'kubernetes', '--', 'true')
    const { error } = JSON.parse(stderr) as { error: { code: string; message: string; fix: string } }
    assert.equal(stdout, '')
    assert.equal(error.code, 'HOST_CANNOT')
    assert.match(error.message, /kubernetes/)
  })

  test(`no sandbox is let into what we run, boot from, believe or write down${as}`, async () => {
    const own = ['.config/glovebox', '.local/state/glovebox', '.local/share/glovebox', '.cache/glovebox/compiled']
    for (const name of own) runner.spawnSync('mkdir', ['-p', path.join(runner.home, name)])
    for (const name of [...own, '.cache/glovebox', '.cache']) {
      const place = path.join(runner.home, name)
      const { code, stdout, stderr } = await exec('--write', place, '--', 'touch', path.join(place, 'mine'))
      assert.deepEqual([code, stdout], [2, ''], place)
      assert.match(stderr, /has Glovebox's own files in it/)
      assert.equal(existsSync(path.join(place, 'mine')), false)
    }
  })

  test(`nothing of our environment and no descriptor of ours is inside${as}`, async () => {
    const { stdout } = await exec('--env', 'GIVEN=1', '--', 'sh', '-c', 'env; ls /proc/self/fd | wc -l')
    assert.ok(stdout.includes('GIVEN=1') && !stdout.includes(runner.home))
    // 0, 1, 2, and the one that ls itself opens.
    assert.equal(stdout.trim().split('\n').at(-1), '4')
  })

  test(`the working directory is kept where it or something below it is visible, else it is the root${as}`, async () => {
    const directory = path.join(runner.home, 'here')
    mkdirSync(directory)
    chownSync(directory, runner.uid, runner.gid)
    const program = [runner.node, path.join(runner.root, 'bin/glovebox.cjs')] as const
    const pwd = (...flags: string[]): string =>
      runner.spawnSync(program[0], [program[1], 'exec', ...flags, '--', 'pwd'], { cwd: directory }).stdout.trim()
    assert.equal(pwd('--read', '.'), directory)
    assert.equal(pwd(), '/')
    mkdirSync(path.join(directory, 'below'))
    assert.equal(pwd('--read', './below'), directory)
    assert.equal(pwd('--read', './below', '--deny', '.'), '/')
    assert.equal(pwd('--workspace', `${directory}:read`), directory)
  })

  test(`a program that takes too long is ended, and the exit code says so${as}`, async () => {
    const told = await exec('--json', '--time', '300ms', '--receipt', '-', '--', 'sleep', '60')
    const lines = told.stderr
      .trim()
      .split('\n')
      .map((line) => JSON.parse(line) as { schema: string; why?: string })
    assert.deepEqual(
      lines.map(({ schema }) => schema),
      ['glovebox/receipt/1', 'glovebox/ended/1'],
    )
    assert.match(lines[1]?.why ?? '', /ran longer than its 300 ms/)
    const { code, stderr } = await exec('--time', '300ms', '--', 'sleep', '60')
    assert.equal(code, 124)
    assert.match(stderr, /ran longer than its 300 ms/)
  })

  test(`a receipt that cannot be written ends the start, with its end in the record${as}`, async () => {
    const file = path.join(runner.home, 'none', 'receipt.json')
    const { code, stderr } = await exec('--receipt', file, '--', 'sleep', '1000')
    assert.equal(code, 1)
    assert.match(stderr, /--receipt .*none\/receipt\.json: ENOENT/)
    assert.match(stderr, /^ *fix: name a file that can be written$/m)
    assert.doesNotMatch(stderr, /AUDIT|at .*\.ts:/)
  })

  test(`the receipt names all thirteen controls with what holds them${as}`, async () => {
    const file = path.join(runner.home, 'receipt.json')
    assert.equal((await exec('--receipt', file, '--', 'true')).code, 0)
    const receipt = JSON.parse(readFileSync(file, 'utf8')) as {
      enforcements: { control: string; enforced: boolean; mechanism: string }[]
    }
    assert.equal(new Set(receipt.enforcements.map(({ control }) => control)).size, 13)
    assert.ok(receipt.enforcements.every(({ enforced, mechanism }) => enforced && mechanism !== ''))
  })

  test(`a denied path inside a shown directory cannot be read${as}`, async () => {
    const directory = path.join(runner.home, 'mixed')
    mkdirSync(directory)
    writeFileSync(path.join(directory, 'open.txt'), 'open')
    writeFileSync(path.join(directory, 'key.pem'), 'key')
    chownSync(directory, runner.uid, runner.gid)
    const { stdout, stderr } = await exec(
      '--read',
      directory,
      '--deny',
      `${directory}/key.pem`,
      '--',
      'sh',
      '-c',
      `cat ${directory}/*`,
    )
    assert.ok(stdout.includes('open') && !stdout.includes('key'), stdout)
    assert.match(stderr, /key\.pem/)
  })
}
