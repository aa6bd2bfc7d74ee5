import assert from 'node:assert/strict'
import { mkdirSync, readdirSync, symlinkSync } from 'node:fs'
import path from 'node:path'
import { after, test } from 'node:test'
import { configHome } from '../../../test/support/config-home.ts'
import { GloveboxError } from '../../errors.ts'
import { chooseProfile } from './choose.ts'
import { builtInFolder, folderAt, folderOf, type ProfileFolder } from './folder.ts'
import { profileLayer } from './layer.ts'
import { ProfileError, readProfile } from './parse.ts'
import type { Profile } from './draft.ts'

const home = '/home/me'
const texts = (files: Record<string, string>): ProfileFolder[] => [
  folderOf('user', '/profiles', new Map(Object.entries(files))),
]

function read(text: string, more: Record<string, string> = {}): Profile {
  const profile = readProfile('p', texts({ 'p.profile': text, ...more }), home)
  assert.ok(profile)
  return profile
}

function refuses(text: string, line: number, why: RegExp, more: Record<string, string> = {}): void {
  assert.throws(
    () => read(text, more),
    (error) => {
      assert.ok(error instanceof GloveboxError, String(error))
      assert.equal(error.code, 'POLICY_INVALID')
      assert.ok(error.message.startsWith(`/profiles/p.profile:${line}: `), error.message)
      assert.match(`${error.message} | ${error.fix}`, why)
      return true
    },
  )
}

test('paths are shown, shown writable, and hidden', () => {
  const { sandbox } = read(
    'read-only ${HOME}/notes\nwhitelist ~/work\nwhitelist /srv/data\nread-only /srv/data\nblacklist ~/work/.env\n',
  )
  assert.deepEqual(sandbox.filesystem, {
    read: ['/home/me/notes', '/srv/data'],
    write: ['/home/me/work'],
    deny: ['/home/me/work/.env'],
  })
})

test('noblacklist takes a later blacklist of the same path away, also that of an included file', () => {
  const { sandbox } = read('noblacklist ~/.git\ninclude more.inc\n', {
    'more.inc': 'blacklist ~/.git\nblacklist ~/.ssh\n',
  })
  assert.deepEqual(sandbox.filesystem?.deny, ['/home/me/.ssh'])
})

test('limits of a user are written down, limits of a profile of ours are defaults', () => {
  const own = read('rlimit-as 64m\nrlimit-nproc 20\nrlimit-nofile 100\n')
  assert.deepEqual(own.sandbox.limits, { memory: 64 * 1024 ** 2, pids: 20, openFiles: 100 })
  assert.deepEqual(own.defaultLimits, {})
  const ours = readProfile('browser', [builtInFolder()], home)
  assert.deepEqual(ours?.sandbox.limits, {})
  assert.equal(ours?.defaultLimits.memory, 2 * 1024 ** 3)
})

test('variables, programs and name servers are taken over', () => {
  const { env, sandbox } = read('env A=1=2\nenv B=x\nrmenv B\nprivate-bin git, python3\ndns 9.9.9.9\n')
  assert.deepEqual(env, { A: '1=2' })
  assert.deepEqual(sandbox.exec, ['git', 'python3'])
  assert.deepEqual(sandbox.network, { resolvers: ['9.9.9.9'] })
})

test('what holds in every sandbox is accepted in the form that holds', () => {
  read(
    'net none\ncaps.drop all\ncaps.drop net_raw,sys_admin\nseccomp\nprotocol unix,inet,inet6\nprivate-tmp\nprivate-dev\nnoexec ${HOME}\n',
  )
  refuses('# net\nnet eth0\n', 2, /"eth0" means nothing here/)
  refuses('seccomp mount,ptrace\n', 1, /means nothing here/)
  refuses('protocol unix,packet\n', 1, /"packet" do not exist/)
})

test('every other directive is an error that names file, line and what was likely meant', () => {
  refuses('include common.inc\n\nreadonly /srv\n', 3, /"readonly" means nothing here.*did you mean "read-only"/, {
    'common.inc': '',
  })
  refuses('apparmor\n', 1, /"apparmor" means nothing here/)
  refuses('?HAS_X11: include x.inc\n', 1, /means nothing here/)
  refuses('constructor\n', 1, /"constructor" means nothing here/)
  refuses('\u{1b}[2Jevil\n', 1, /\\u\{1b\}/)
})

test('paths are absolute and name one thing', () => {
  refuses('read-only data\n', 1, /not absolute/)
  refuses('read-only ${DOWNLOADS}\n', 1, /macro/)
  refuses('whitelist ${HOME}/.config/*\n', 1, /pattern/)
  refuses('blacklist\n', 1, /path is missing/)
})

test('what is shown read-only may run, so noexec of it cannot be kept', () => {
  refuses('read-only /srv/data\nnoexec /srv\n', 2, /may be executed/)
})

test('include reads only files of the profile folders', () => {
  for (const name of ['../secret.inc', '/etc/passwd', 'sub/x.inc', '.hidden', '']) {
    refuses(`include ${name}\n`, 1, /not the name of a file|no "/)
  }
  refuses('include missing.inc\n', 1, /there is no "missing.inc"/)
})

test('a circle of includes is an error, and so are includes without end', () => {
  assert.throws(
    () => read('include a.inc\n', { 'a.inc': 'include b.inc\n', 'b.inc': 'include a.inc\n' }),
    /a\.inc includes itself/,
  )
  refuses('include p.profile\n', 1, /includes itself/)
  const many = Object.fromEntries(
    Array.from({ length: 20 }, (_, index) => [
      `n${index}.inc`,
      `include n${index + 1}.inc\ninclude n${index + 1}.inc\n`,
    ]),
  )
  assert.throws(() => read('include n0.inc\n', { ...many, 'n20.inc': '' }), /more than 32 files are included/)
})

test('all mistakes of a profile are found, those of what it includes in their place', () => {
  const files = { 'a.inc': 'rlimit-as lots\n', 'p.profile': 'blacklistt /x\ninclude a.inc\ninclude b.inc\nnet foo\n' }
  const folder = texts(files)
  assert.throws(
    () => readProfile('p', folder, home),
    (error) => {
      assert.ok(error instanceof ProfileError)
      assert.match(error.message, /p\.profile:1: the directive "blacklistt" .* \(and 3 more: glovebox policy check\)$/)
      assert.deepEqual(
        error.mistakes.map(({ message }) => message.replace(/^.*?([^/]+:\d+):.*$/, '$1')),
        ['p.profile:1', 'a.inc:1', 'p.profile:3', 'p.profile:4'],
      )
      return true
    },
  )
})

test('a file where the name of a profile belongs is answered with what to write', () => {
  const folders = texts({ 'mine.profile': '' })
  const choose = (wanted: string) => () => profileLayer({ server: undefined, wanted, command: ['true'], folders, home })
  assert.throws(choose('./mine.profile'), { fix: 'write "mine"' })
  assert.throws(choose('/srv/other.profile'), {
    message: 'a profile has a name, and "/srv/other.profile" is a file',
    fix: 'put the file into /profiles, and write "other"',
  })
  assert.throws(choose('mina'), { message: 'there is no profile "mina"', fix: 'did you mean "mine"?' })
})

test('a link in a profile folder does not lead out of it', () => {
  const place = configHome()
  after(place.remove)
  const folder = path.join(place.root, 'profiles')
  mkdirSync(folder)
  const secret = place.put('secret', 'read-only /srv\n')
  symlinkSync(secret, path.join(folder, 'x.profile'))
  assert.throws(() => readProfile('x', [folderAt('user', folder)], home), /leads out of its folder/)
})

test('a profile is chosen from the command', () => {
  const cases: [string, string][] = [
    ['npx -y @modelcontextprotocol/server-filesystem /srv', 'node'],
    ['/usr/local/bin/node server.js', 'node'],
    ['uvx mcp-server-time', 'python'],
    ['/opt/venv/bin/python3.12 -m server', 'python'],
    ['docker run -i mcp/fetch', 'docker'],
    ['git daemon', 'git'],
    ['uvx mcp-server-git --repository .', 'git'],
    ['npx -y @modelcontextprotocol/server-github', 'node'],
    ['npx -y @playwright/mcp@latest', 'browser'],
    ['npx chrome-devtools-mcp --headless', 'browser'],
    ['chromium --headless', 'browser'],
    ['./my-server', 'unknown'],
    ['nodejs-like', 'unknown'],
  ]
  for (const [line, profile] of cases) assert.equal(chooseProfile(line.split(' ')), profile, line)
})

test('each profile of ours can be read, and the one for unknown commands is the strictest', () => {
  const folder = builtInFolder()
  const names = readdirSync(folder.path)
    .filter((name) => name.endsWith('.profile'))
    .map((name) => name.replace('.profile', ''))
  assert.deepEqual(names.toSorted(), ['browser', 'build', 'docker', 'git', 'node', 'python', 'unknown'])
  for (const name of names) {
    const profile = readProfile(name, [folder], home)
    assert.deepEqual(profile?.sandbox.filesystem, { read: [], write: [], deny: [] }, `${name} shows nothing`)
    assert.deepEqual(profile.sandbox.limits, {}, name)
  }
  const strictest = readProfile('unknown', [folder], home)
  assert.deepEqual([strictest?.env, strictest?.defaultLimits], [{}, {}], 'nothing but the default policy')
})

test('a profile beside the configuration comes before the one that suits the command', () => {
  const folders = [...texts({ 'files.profile': 'env FROM=own\n', 'node.profile': 'env FROM=node\n' }), builtInFolder()]
  const choose = (server: string | undefined, wanted?: string) =>
    profileLayer({ server, wanted, command: ['node', 'x.js'], folders, home })
  assert.deepEqual([choose('files').name, choose('files').why], ['files', 'for the server'])
  assert.equal(choose('files').layer.env['FROM'], 'own')
  assert.deepEqual([choose('other').name, choose('other').why], ['node', 'from the command'])
  assert.equal(choose('other').layer.env['FROM'], 'node', 'a user may replace one of ours')
  assert.deepEqual([choose('files', 'python').name, choose('files', 'python').why], ['python', 'named'])
  assert.equal(choose('browser').name, 'node', 'a server that is called like one of ours does not mean it')
  assert.throws(
    () => choose('files', 'pyton'),
    (error) => error instanceof GloveboxError && /did you mean "python"/.test(error.fix ?? ''),
  )
})
