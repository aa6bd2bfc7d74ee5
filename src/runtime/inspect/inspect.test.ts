import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { dirname, join } from 'node:path'
import { after, before, test } from 'node:test'
import { ordinaryUser } from '../../../test/support/as-user.ts'
import { GloveboxError } from '../../errors.ts'
import { inspectCommand } from './command.ts'
import { findProgram, loaderOf, shebangOf } from './program.ts'
import { inspectSystem } from './system.ts'

let root = ''
before(() => {
  root = realpathSync(mkdtempSync(join(tmpdir(), 'glovebox-inspect-')))
})
after(() => rmSync(root, { recursive: true }))

function put(path: string, text: string, mode = 0o644): string {
  const full = join(root, path)
  mkdirSync(dirname(full), { recursive: true })
  writeFileSync(full, text)
  chmodSync(full, mode)
  return full
}

const inspect = (command: readonly string[], cwd: string = root) =>
  inspectCommand(command, {
    cwd,
    env: { PATH: `${dirname(process.execPath)}:/usr/bin:/bin` },
    home: join(root, 'home'),
    exec: null,
  })

/** Of what lies here, by its place: the interpreter's own files are wherever this machine has them, also below /home. */
const needs = (command: readonly string[]): string[] =>
  inspect(command).needs.flatMap(({ path }) => (path.startsWith(root) ? [path.slice(root.length)] : []))

test('a script brings the package around it and the node_modules above, but never the home', () => {
  put('home/package.json', '{}')
  put('home/lone.js', '')
  put('home/project/package.json', '{}')
  put('home/node_modules/x/index.js', '')
  const script = put('home/project/src/server.js', '')
  assert.deepEqual(needs(['node', script]), ['/home/project/src/server.js', '/home/project'])
  assert.deepEqual(needs(['node', join(root, 'home/lone.js')]), ['/home/lone.js'])
})

test('a manifest makes no package of a home, of a directory with keys, or of one that everybody can write', () => {
  const foreign = put('ada/s.js', '')
  put('ada/package.json', '{}')
  put('ada/.ssh/id', 'key')
  assert.deepEqual(needs(['node', foreign]), ['/ada/s.js'])
  const open = put('open/s.js', '')
  put('open/package.json', '{}')
  chmodSync(join(root, 'open'), 0o777)
  assert.deepEqual(needs(['node', open]), ['/open/s.js'])
  chmodSync(join(root, 'open'), 0o755)
  assert.deepEqual(needs(['node', open]), ['/open/s.js', '/open'])
})

test('a script inside node_modules brings the outermost one, where its dependencies are', () => {
  const script = put('app/node_modules/.pnpm/a@1/node_modules/a/dist/index.js', '#!/usr/bin/env node\n', 0o755)
  put('app/node_modules/.pnpm/a@1/node_modules/a/package.json', '{}')
  mkdirSync(join(root, 'app/node_modules/.bin'))
  symlinkSync('../.pnpm/a@1/node_modules/a/dist/index.js', join(root, 'app/node_modules/.bin/a'))
  assert.ok(needs(['node', script]).includes('/app/node_modules'))
  const facts = inspect([join(root, 'app/node_modules/.bin/a')])
  assert.equal(facts.path, script)
  assert.equal(facts.argv[0], join(root, 'app/node_modules/.bin/a'))
  assert.ok(facts.executables.includes(realpathSync(process.execPath)), 'the interpreter that env finds')
  assert.ok(facts.searchPath.includes(dirname(realpathSync(process.execPath))))
})

test('a relative script is made absolute, since the working directory may not be visible', () => {
  const script = put('rel/package.json', '{}') && put('rel/main.js', '')
  assert.deepEqual(inspect(['node', '--enable-source-maps', 'main.js', 'x'], join(root, 'rel')).argv, [
    'node',
    '--enable-source-maps',
    script,
    'x',
  ])
})

test('a script that is not there is an error here, by the path that was meant', () => {
  for (const words of [
    ['node', 'nothing.mjs'],
    ['node', '--no-warnings', './nothing.mjs', 'more'],
    ['node', '-r', './other.cjs', 'nothing.mjs'],
  ]) {
    assert.throws(
      () => inspect(words),
      new RegExp(`there is no ${root}/nothing\\.mjs \\(".*"\\), which node is to run`),
    )
  }
  for (const words of [
    ['node', '-e', 'x.js'],
    ['node', 'https://x.example/y.js'],
    ['node', 'run', 'dev'],
    ['sh', '-s', 'x.sh'],
    ['cat', 'nothing.py'],
  ]) {
    assert.doesNotThrow(() => inspect(words))
  }
  const inside = { cwd: root, env: { PATH: '/usr/bin:/bin' }, home: '/none', exec: null }
  for (const script of ['/workspace/inside.sh', 'inside.sh']) {
    assert.throws(() => inspectCommand(['sh', script], inside), /there is no/)
    assert.doesNotThrow(() => inspectCommand(['sh', script], { ...inside, hasWorkspace: true }))
  }
})

test('code on the command line is no script', () => {
  put('e/index.js', '')
  assert.deepEqual(inspect(['node', '-e', 'index.js'], join(root, 'e')).argv, ['node', '-e', 'index.js'])
})

test('arguments that are spelled as paths and are directories are found, in options too', () => {
  mkdirSync(join(root, 'd/data'), { recursive: true })
  const found = inspect(
    ['true', join(root, 'd/data'), `--root=${root}/d`, './data', '.', 'data', '/no/such', '-x'],
    join(root, 'd'),
  )
  assert.deepEqual(
    found.directories.map(({ path }) => path.replace(root, '')),
    ['/d/data', '/d', '/d/data', '/d'],
  )
})

test('a virtual environment is kept as the place that its python was started from', () => {
  put('venv/pyvenv.cfg', 'home = /usr/bin\nversion = 3.11\n')
  mkdirSync(join(root, 'venv/bin'))
  symlinkSync('/usr/bin/env', join(root, 'venv/bin/python'))
  const facts = inspect([join(root, 'venv/bin/python'), '-m', 'server'])
  assert.equal(facts.path, join(root, 'venv/bin/python'))
  assert.ok(facts.needs.some(({ path }) => path === join(root, 'venv')))
})

test('a Python outside of the system has its names beside it, for itself and for who looks it up', () => {
  put('py/bin/python3.12', '', 0o755)
  symlinkSync('python3.12', join(root, 'py/bin/python3'))
  symlinkSync('python3', join(root, 'py/bin/python'))
  put('py/bin/python3.13', '', 0o755)
  put('py/lib/python3.12/os.py', '')
  const found = inspect([join(root, 'py/bin/python3')])
  const named = found.needs.filter(({ why }) => why === 'name of the interpreter')
  assert.deepEqual(
    named.map(({ path, source }) => [path, source]),
    ['python3', 'python'].map((name) => [join(root, 'py/bin', name), join(root, 'py/bin/python3.12')]),
  )
  const script = put('s.py', '#!/usr/bin/env python3\n', 0o755)
  const asked = inspectCommand([script], {
    cwd: root,
    env: { PATH: `${root}/py/bin:/usr/bin:/bin` },
    home: join(root, 'home'),
    exec: null,
  })
  assert.equal(
    asked.searchPath.find((directory) => directory !== root),
    join(root, 'py/bin'),
    'before that of env',
  )
})

test('what only starts as a whole is shown as a whole: conda, Homebrew, Java, .NET, and the libraries of a Ruby', () => {
  put('conda/conda-meta/history', '')
  put('conda/bin/python3.12', '', 0o755)
  put('brew/Cellar/node/22.1.0/bin/node', '', 0o755)
  put('jdk/lib/jvm.cfg', '')
  put('jdk/bin/java', '', 0o755)
  put('dotnet/shared/x', '')
  put('dotnet/dotnet', '', 0o755)
  put('rb/lib/ruby/x.rb', '')
  put('rb/lib/libruby.so.3.3', '')
  put('rb/lib/other.so', '')
  put('rb/bin/ruby', '', 0o755)
  const whole: Readonly<Record<string, readonly string[]>> = {
    'conda/bin/python3.12': ['/conda', '/conda/bin/python3.12'],
    'brew/Cellar/node/22.1.0/bin/node': ['/brew', '/brew/Cellar/node/22.1.0/bin/node'],
    'jdk/bin/java': ['/jdk', '/jdk/bin/java'],
    'dotnet/dotnet': ['/dotnet', '/dotnet/dotnet'],
    'rb/bin/ruby': ['/rb/lib/libruby.so.3.3', '/rb/lib/ruby', '/rb/bin/ruby'],
  }
  for (const [program, expected] of Object.entries(whole)) {
    assert.deepEqual(needs([join(root, program)]).toSorted(), expected.toSorted(), program)
  }
})

test('an installation that is a home, or has one in it, is not shown as a whole', () => {
  put('home/conda-meta/history', '')
  put('home/bin/python3.12', '', 0o755)
  assert.deepEqual(needs([join(root, 'home/bin/python3.12')]), ['/home/bin/python3.12'])
})

test('a distribution’s Java has its settings, which are links to elsewhere', () => {
  put('etc/java/logging.properties', '')
  put('usr-java/bin/java', '', 0o755)
  mkdirSync(join(root, 'usr-java/conf'))
  symlinkSync(join(root, 'etc/java/logging.properties'), join(root, 'usr-java/conf/logging.properties'))
  assert.deepEqual(needs([join(root, 'usr-java/bin/java')]), ['/etc/java', '/usr-java/bin/java'])
})

test('programs are looked up as execvp does, without the working directory', () => {
  put('bin/tool', '#!/bin/sh\n', 0o755)
  put('bin/data', 'x')
  assert.equal(findProgram('tool', root, join(root, 'bin')), join(root, 'bin/tool'))
  assert.equal(findProgram('./bin/tool', root, undefined), join(root, 'bin/tool'))
  const code = (name: string, path: string): unknown => {
    try {
      return findProgram(name, join(root, 'bin'), path)
    } catch (error) {
      return error instanceof GloveboxError ? error.code : error
    }
  }
  assert.equal(code('tool', ':.:/usr/bin'), 'NOT_FOUND')
  assert.equal(code('data', join(root, 'bin')), 'NOT_EXECUTABLE')
  assert.equal(code('/no/such', ''), 'NOT_FOUND')
  assert.equal(code('', ''), 'USAGE')
  assert.equal(code(join(root, 'bin'), ''), 'NOT_EXECUTABLE')
})

test('a directory of PATH that cannot be entered is passed over', () => {
  const user = ordinaryUser()
  const script = `import { chmodSync, mkdirSync } from 'node:fs'
    import { findProgram } from ${JSON.stringify(join(user.root, 'src/runtime/inspect/program.ts'))}
    mkdirSync('closed', { mode: 0 })
    console.log(findProgram('cat', '/', process.cwd() + '/closed:/usr/bin'))
    chmodSync('closed', 0o700)`
  const run = user.spawnSync(user.node, ['--input-type=module', '-e', script])
  assert.equal(run.stdout, '/usr/bin/cat\n', run.stderr)
})

test('interpreter lines are split as the kernel splits them', () => {
  assert.deepEqual(shebangOf(put('s/a', '#!/usr/bin/env -S node --x\n')), {
    interpreter: '/usr/bin/env',
    argument: '-S node --x',
  })
  assert.deepEqual(shebangOf(put('s/b', '#! /bin/sh\n')), { interpreter: '/bin/sh', argument: undefined })
  assert.equal(shebangOf(put('s/c', 'no script')), undefined)
})

test('the loader of a dynamic program is read from the program itself', () => {
  assert.match(loaderOf(realpathSync(process.execPath)) ?? '', /\/ld-.*\.so/)
  assert.equal(loaderOf(put('s/d', '#!/bin/sh\n')), undefined)
  assert.equal(loaderOf(put('s/e', '')), undefined)
})

test('the system that a sandbox sees has programs and public settings, and no secret of the machine', () => {
  const paths = new Set(inspectSystem().map(({ path }) => path))
  assert.ok(paths.has('/usr'))
  for (const secret of [
    '/etc',
    '/etc/shadow',
    '/etc/ssh',
    '/etc/ssl/private',
    '/etc/passwd',
    '/root',
    '/home',
    '/var',
    '/run',
    '/tmp',
    '/proc',
    '/sys',
  ]) {
    assert.ok(!paths.has(secret), secret)
  }
})
