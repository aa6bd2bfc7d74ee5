import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { closeSync, existsSync, mkdirSync, mkdtempSync, openSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { runInNewContext } from 'node:vm'

const bin = path.resolve(import.meta.dirname, '../../bin/glovebox.cjs')

interface Told {
  exitCode: number | undefined
  stderr: string
  required: string[]
}

/** Runs the stub as the script that it is, in a process that says it is of this version. */
function startWith(version: string): Told {
  const told: Told = { exitCode: undefined, stderr: '', required: [] }
  const fake = {
    versions: { node: version },
    version: `v${version}`,
    execPath: '/usr/bin/node',
    stderr: { write: (text: string) => (told.stderr += text) },
    exitCode: undefined as number | undefined,
  }
  const script = readFileSync(bin, 'utf8').replace(/^#!.*/, '')
  runInNewContext(script, { process: fake, require: (name: string) => told.required.push(name) })
  told.exitCode = fake.exitCode
  return told
}

test('A Node that is too old is told so in one sentence, with exit code 3, and nothing newer is loaded.', () => {
  for (const version of ['12.22.12', '18.20.8', '22.23.0']) {
    const { exitCode, stderr, required } = startWith(version)
    assert.equal(exitCode, 3)
    assert.match(stderr, new RegExp(`needs Node 24 or newer, and this is v${version} `))
    assert.match(stderr, /^fix: /m)
    assert.deepEqual(required, [])
  }
})

test('A Node that is new enough starts the program.', () => {
  assert.deepEqual(startWith('24.0.0').required, ['./start.cjs'])
})

test('The stub has nothing in it that a Node of 2015 could not parse.', () => {
  const text = readFileSync(bin, 'utf8')
  assert.doesNotMatch(text, /=>|\bconst\b|\blet\b|`[^`]*\$\{|import\(|\?\.|\?\?|async/)
})

test('Compiled code is kept in the own cache directory, and nowhere where the directory is not ours.', () => {
  const home = mkdtempSync(path.join(tmpdir(), 'glovebox-bin-'))
  try {
    const start = (env: NodeJS.ProcessEnv): void => {
      const run = spawnSync(process.execPath, [bin, '--version'], { env, encoding: 'utf8' })
      assert.equal(run.status, 0, run.stderr)
      assert.match(run.stdout, /^\d+\.\d+\.\d+\n$/)
    }
    start({ HOME: home, TMPDIR: home })
    assert.ok(existsSync(path.join(home, '.cache/glovebox/compiled')))
    assert.ok(!existsSync(path.join(home, 'node-compile-cache')))
    start({ HOME: '/nonexistent', TMPDIR: home })
    assert.ok(!existsSync(path.join(home, 'node-compile-cache')))
  } finally {
    rmSync(home, { recursive: true })
  }
})

/** Of a start with `words`: Node's options, and for which flags V8 takes compiled code: before us, and while the wall is built. */
function whatNodeIsTold(words: readonly string[]): { options: string[]; before: number; atStart: number | undefined } {
  const directory = mkdtempSync(path.join(tmpdir(), 'glovebox-bin-'))
  try {
    const [hook, told] = [path.join(directory, 'hook.cjs'), path.join(directory, 'told.json')]
    writeFileSync(
      hook,
      `const { cachedDataVersionTag } = require('node:v8')
      const told = { options: process.execArgv, before: cachedDataVersionTag() }
      const get = process.getBuiltinModule
      process.getBuiltinModule = (name) => {
        if (name === 'node:crypto') told.atStart ??= cachedDataVersionTag()
        return get(name)
      }
      process.on('exit', () => require('node:fs').writeFileSync(${JSON.stringify(told)}, JSON.stringify(told)))
      `,
    )
    const { GLOVEBOX_INSIDE } = process.env
    const env = { PATH: `${path.dirname(process.execPath)}:/usr/bin:/bin`, HOME: directory, GLOVEBOX_HOME: directory }
    const all = { ...env, ...(GLOVEBOX_INSIDE && { GLOVEBOX_INSIDE }), NODE_OPTIONS: `--require=${hook}` }
    const { status, stderr } = spawnSync(bin, words, { env: all, encoding: 'utf8' })
    assert.equal(status, 0, stderr)
    return JSON.parse(readFileSync(told, 'utf8')) as ReturnType<typeof whatNodeIsTold>
  } finally {
    rmSync(directory, { recursive: true })
  }
}

test('Until the program is started V8 takes what Node has compiled of its own parts, for no flag of ours is another.', () => {
  const { before, atStart } = whatNodeIsTold(['exec', '--', 'true'])
  assert.equal(atStart, before)
})

test('What stays beside a server has a young generation that does not grow, also where words are told apart from Node’s.', () => {
  for (const words of [
    ['exec', '--dry-run', '--', 'true'],
    ['run', '--dry-run', '--', 'true'],
    ['run', '--dry-run', '--', 'true', '--env-file=none'],
  ]) {
    assert.deepEqual(whatNodeIsTold(words).options, ['--max-semi-space-size=1'])
  }
  assert.deepEqual(whatNodeIsTold(['--version']).options, [])
})

test('The dashes before a command are never taken for what an option is missing.', () => {
  for (const [words, option] of [
    [['run', '--receipt', '--', 'node', 'server.js'], '--receipt <file>'],
    [['policy', 'learn', '--output', '--', 'true'], '-o, --output <file>'],
  ] as const) {
    const { status, stderr } = spawnSync(process.execPath, [bin, ...words], { encoding: 'utf8' })
    assert.equal(status, 2, stderr)
    assert.ok(stderr.includes(`option '${option}' argument missing`), stderr)
  }
})

/** Runs `words` where `evil.env` and `evil.json` ask Node to load a module, and says whether a Node outside of a sandbox did. */
function whereNodeIsAsked(
  file: string,
  words: readonly string[],
): { status: number | null; told: string; evil: boolean } {
  const directory = mkdtempSync(path.join(tmpdir(), 'glovebox-bin-'))
  try {
    const module = path.join(directory, 'evil.cjs')
    const mark = path.join(directory, 'mark')
    writeFileSync(module, `require('node:fs').writeFileSync(${JSON.stringify(mark)}, '')\n`)
    writeFileSync(path.join(directory, 'evil.env'), `NODE_OPTIONS=--require=${module}\nANSWER=42\n`)
    writeFileSync(path.join(directory, 'evil.json'), JSON.stringify({ nodeOptions: { import: [module] } }))
    const env = { PATH: `${path.dirname(process.execPath)}:/usr/bin:/bin`, HOME: directory, GLOVEBOX_HOME: directory }
    const { status, stdout, stderr } = spawnSync(file, words, { cwd: directory, env, encoding: 'utf8' })
    return { status, told: stdout + stderr, evil: existsSync(mark) }
  } finally {
    rmSync(directory, { recursive: true })
  }
}

test('A file of variables is for the sandbox, and what it says to Node is not done on this side.', () => {
  for (const words of [['--env-file', 'evil.env'], ['--env-file=evil.env']]) {
    const { status, told, evil } = whereNodeIsAsked(bin, ['exec', '--dry-run', '--json', ...words, '--', 'true'])
    assert.equal(status, 0, told)
    assert.ok(told.includes('"ANSWER"'), told)
    assert.ok(!evil, 'Node loaded what the file names')
  }
})

test('Options of Node in a command are for the Node in the sandbox.', () => {
  for (const option of [
    '--env-file=evil.env',
    '--env-file-if-exists=evil.env',
    '--experimental-config-file=evil.json',
  ]) {
    for (const dashes of [['--'], []]) {
      const words = ['run', '--dry-run', '--json', ...dashes, 'node', option, '-e', 'a b']
      const { status, told, evil } = whereNodeIsAsked(bin, words)
      assert.equal(status, 0, told)
      assert.deepEqual((JSON.parse(told) as { command: { argv: string[] } }).command.argv, [
        'node',
        option,
        '-e',
        'a b',
      ])
      assert.ok(!evil, `Node loaded what ${option} names`)
    }
  }
})

test('Started by way of "node", what Node has obeyed before us is told, and nothing is started.', () => {
  for (const words of [
    ['exec', '--env-file', 'evil.env', '--', 'true'],
    ['exec', '--', 'node', '--experimental-config-file=evil.json'],
  ]) {
    const { status, told } = whereNodeIsAsked(process.execPath, [bin, ...words])
    assert.equal(status, 2, told)
    assert.match(told, /^glovebox: Node itself has read --(env|experimental-config)-file, before us/)
    assert.match(told, /fix: start .*bin\/glovebox\.cjs by itself/)
  }
  const fine = whereNodeIsAsked(process.execPath, [bin, 'exec', '--dry-run', '--', 'node', '--env-file=evil.env'])
  assert.equal(fine.status, 0, fine.told)
  assert.ok(!fine.evil)
})

test('Without any Node in PATH that is what is told.', () => {
  const { status, stderr } = spawnSync(bin, ['--version'], { env: { PATH: '/nonexistent' }, encoding: 'utf8' })
  assert.equal(status, 3)
  assert.match(stderr, /^glovebox: there is no "node" in PATH\nfix: install Node 24/)
})

test('help is a verb too, and so is version.', () => {
  const say = (...words: string[]): string => spawnSync(process.execPath, [bin, ...words], { encoding: 'utf8' }).stdout
  assert.match(say('help'), /^Usage: glovebox \[options\]/)
  assert.equal(say('help', 'run'), say('run', '--help'))
  assert.equal(say('help', 'policy', 'learn'), say('policy', 'learn', '--help'))
  assert.equal(say('version'), say('--version'))
})

test('What is wrong with a command line is told as everything else is, with what to do about it, and as JSON where that is wanted.', () => {
  const cases: [string[], string, string][] = [
    [
      ['kill'],
      '"kill" is not a command of glovebox',
      'glovebox stop ends a launched server; to run a server: glovebox run kill …',
    ],
    [['rnu'], '"rnu" is not a command of glovebox', 'did you mean run?; to run a server: glovebox run rnu …'],
    [
      ['run', '--rm', 'x'],
      "unknown option '--rm'",
      'leave it out: nothing of a sandbox stays; glovebox run --help shows what there is',
    ],
    [['run', '--raed', 'x'], "unknown option '--raed'", 'did you mean --read? glovebox run --help shows what there is'],
    [['policy', 'bogus'], "unknown command 'bogus'", 'glovebox policy --help shows what there is'],
    [['policy', 'show'], "missing required argument 'command'", 'glovebox policy show --help shows what there is'],
  ]
  for (const [words, message, fix] of cases) {
    const plain = spawnSync(process.execPath, [bin, ...words], { encoding: 'utf8' })
    assert.equal(plain.status, 2)
    assert.equal(plain.stderr, `glovebox: ${message}\n  fix: ${fix}\n`)
    const json = spawnSync(process.execPath, [bin, ...words, '--json'], { encoding: 'utf8' })
    assert.deepEqual(JSON.parse(json.stderr), { schema: 'glovebox/error/1', error: { code: 'USAGE', message, fix } })
  }
})

test('A working directory that has been removed is told in a sentence.', () => {
  const gone = 'd=$(mktemp -d) && cd "$d" && rmdir "$d" && exec "$@"'
  for (const words of [['list'], ['exec', '--', 'true']]) {
    const { status, stderr } = spawnSync('sh', ['-c', gone, 'sh', process.execPath, bin, ...words], {
      encoding: 'utf8',
    })
    assert.deepEqual(
      [status, stderr],
      [2, 'glovebox: the working directory is not there any more\n  fix: cd to one that is\n'],
    )
  }
})

test('An answer that cannot be written is told, and who closed stderr gets the exit code all the same.', () => {
  const full = openSync('/dev/full', 'w')
  const lost = spawnSync(process.execPath, [bin, 'completion', 'bash'], {
    stdio: ['ignore', full, 'pipe'],
    encoding: 'utf8',
  })
  closeSync(full)
  assert.equal(lost.status, 1)
  assert.match(lost.stderr, /^glovebox: stdout cannot be written: ENOSPC.*\n {2}fix: .*\n$/)
  for (const words of ['bogus', 'policy']) {
    const script = `"$0" "$1" ${words} 2>&1 >/dev/null | true; echo "\${PIPESTATUS[0]}"`
    const closed = spawnSync('bash', ['-c', script, process.execPath, bin], { encoding: 'utf8' })
    assert.equal(closed.stdout, '2\n')
  }
})

test('What cannot be meant is told as such, before anything is started or changed.', () => {
  const home = mkdtempSync(path.join(tmpdir(), 'glovebox-bin-'))
  try {
    mkdirSync(path.join(home, 'config'))
    // One of the catalogue has that name, too.
    const servers = { lost: { command: 'no-program-of-this-name' }, files: { command: 'node', args: ['x.js'] } }
    writeFileSync(path.join(home, 'config/glovebox.json'), JSON.stringify({ mcpServers: servers }))
    const cases: [string[], number, RegExp][] = [
      [['run', 'lost'], 127, /^glovebox: no-program-of-this-name: no such program in PATH\n/],
      [
        ['run', 'lost', '-x'],
        2,
        /^glovebox: "lost" is a configured server, and options behind its name are not ours\n/,
      ],
      [['run', 'lost', 'word'], 2, /"lost" is a configured server, and there is "word" behind its name\n/],
      [['launch', 'lost', '-x'], 2, /options behind its name are not ours\n {2}fix: .*glovebox launch -x lost\n/],
      [['launch', 'files', '/tmp'], 2, /"files" is a configured server, and there is "\/tmp" behind its name\n/],
      [['policy', 'show', 'files', '-x'], 2, /fix: .*glovebox policy show -x files\n/],
      [['launch', '--pool', '100000', '--', 'true'], 2, /--pool: 100000 sandboxes, where at most 1000 can be\n/],
      [['policy', 'show', 'lost', '-x'], 2, /fix: .*glovebox policy show -x lost\n/],
      [['exec', 'lost', 'ls'], 2, /"lost" is a configured server, and exec starts programs\n/],
      [['run', 'nowhere-at-all'], 127, /: no such server is configured, and no such program is in PATH\n/],
      [['tools', 'nowhere-at-all'], 127, /: no such server is launched or configured\n/],
      [['call', 'sh', 'x'], 127, /^glovebox: sh: no such server is launched or configured\n/],
      [['doctor', '--undo'], 2, /--undo is for --fix, and nothing was changed\n/],
      [['daemon', 'start', '--idle', 'soon'], 2, /--idle: "soon" is not a duration\n/],
      [['package', 'install'], 2, /it is not said what to install\n/],
      [['ssh', 'name', '--config'], 2, /options stand before the name, and --config stands behind it\n/],
    ]
    for (const [words, status, told] of cases) {
      const env = { PATH: '/usr/bin:/bin', HOME: home, GLOVEBOX_HOME: home }
      const run = spawnSync(process.execPath, [bin, ...words], { cwd: home, env, encoding: 'utf8' })
      assert.match(run.stderr, told)
      assert.match(run.stderr, /^ {2}fix: ./m)
      assert.equal(run.status, status)
    }
  } finally {
    rmSync(home, { recursive: true })
  }
})

test('A program that fails keeps its exit code, and what may run no file is not looked for.', () => {
  const home = mkdtempSync(path.join(tmpdir(), 'glovebox-bin-'))
  try {
    const long = `exit 42 # ${'word '.repeat(60)}`
    const cases: [string[], number][] = [
      [['sh', '-c', long], 42],
      [['sh', '-c', 'exit 3', 'b'.repeat(300)], 3],
      [['bash', '-lc', 'exit 4', 'out.sh'], 4],
      [['sh', '-ec', 'exit 5;./never.sh'], 5],
      [[process.execPath, '--eval=process.exit(6)', 'out.js'], 6],
      [[process.execPath, '-pe', 'process.exit(7)', 'out.js'], 7],
      [[process.execPath, 'never.js'], 127],
    ]
    for (const [words, code] of cases) {
      const env = { PATH: '/usr/bin:/bin', HOME: home, GLOVEBOX_HOME: home }
      const { status, stderr } = spawnSync(process.execPath, [bin, 'exec', '--', ...words], {
        cwd: '/',
        env,
        encoding: 'utf8',
      })
      assert.equal(status, code, `${words.join(' ')}: ${stderr}`)
    }
  } finally {
    rmSync(home, { recursive: true })
  }
})

test('An argument that is not UTF-8 is an error, and not another argument; the character for one is passed on.', () => {
  const home = mkdtempSync(path.join(tmpdir(), 'glovebox-bin-'))
  try {
    const say = (word: string) =>
      spawnSync('bash', ['-c', `"$0" "$1" exec -- printf %s ${word}`, process.execPath, bin], {
        env: { PATH: process.env['PATH'], HOME: home, GLOVEBOX_HOME: home },
        encoding: 'utf8',
      })
    const odd = say(String.raw`$'a\xff'`)
    assert.equal(odd.status, 2, odd.stderr)
    assert.match(odd.stderr, /is not UTF-8/)
    assert.equal(say(String.raw`$'a\xef\xbf\xbd'`).stdout, 'a\u{fffd}')
  } finally {
    rmSync(home, { recursive: true })
  }
})

test('Variables that no shell could name reach us as they are.', () => {
  const odd = {
    'npm_config_@priv:registry': 'http://127.0.0.1:8/',
    'npm_config_//127.0.0.1:8/:_authToken': 'a=b=c',
    'a.b': 'two\nlines\n',
    'c-d': ' "quoted" \'twice\' $HOME `x` \\ *',
    '9z': '',
    '-i': '--',
  }
  const plain = { PATH: process.env['PATH'], HOME: tmpdir(), PLAIN: 'a\nb' }
  // Node says what it has before anything of ours.
  const say = 'data:text/javascript,process.stdout.write(JSON.stringify(process.env));process.exit()'
  const env = { ...plain, NODE_OPTIONS: `--import=${say}` }
  const seen = (more: NodeJS.ProcessEnv): object => {
    const { stdout, stderr } = spawnSync(bin, ['--version'], { env: { ...env, ...more }, encoding: 'utf8' })
    const {
      PWD: _ofTheShell,
      OLDPWD: _too,
      ...rest
    } = JSON.parse(stdout === '' ? assert.fail(stderr) : stdout) as Record<string, string>
    return rest
  }
  assert.deepEqual(seen({}), env)
  assert.deepEqual(seen(odd), { ...env, ...odd })
})
