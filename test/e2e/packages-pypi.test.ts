import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { chmodSync, existsSync, readFileSync, readlinkSync, symlinkSync, unlinkSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { GloveboxError } from '../../src/errors.ts'
import { findPythons, pipDriver } from '../../src/packages/pypi/pythons.ts'
import { resolveCommand, type ResolvedCommand } from '../../src/packages/start.ts'
import { packageHome, type PackageHome } from '../support/package-fixtures.ts'
import { pypiIndex, type FixtureWheel, type PypiIndex } from '../support/pypi-index.ts'
import { unlessPresent } from '../support/requirement.ts'
import { runApart } from '../support/run-apart.ts'
import { within } from '../support/timed.ts'

const server = (version: string): string => `import json, sys
def main():
    import shared_lib
    print(json.dumps({"version": "${version}", "shared": shared_lib.value, "args": sys.argv[1:]}))
if __name__ == "__main__":
    main()
`

const wheels: readonly FixtureWheel[] = [
  {
    name: 'shared-lib',
    version: '1.0',
    vulnerabilities: [{ id: 'PYSEC-1', summary: 'it leaks' }],
    files: { 'shared_lib.py': 'value = "shared 1.0"\n' },
  },
  ...['1.0', '1.1'].map((version) => ({
    name: 'py-server',
    version,
    requires: ['shared-lib>=1', 'with-extra>=1; extra == "more"'],
    scripts: { 'py-server': 'py_server:main', 'py-helper': 'py_server:main' },
    files: { 'py_server.py': server(version) },
  })),
  { name: 'with-extra', version: '1.0', files: { 'with_extra.py': '' } },
  { name: 'old-python', version: '1.0', scripts: { 'old-python': 'x:main' }, files: { 'x.py': '' } },
  { name: 'old-python', version: '2.0', requiresPython: '>=3.99', scripts: { 'old-python': 'x:main' } },
  { name: 'source-newest', version: '1.0', scripts: { 'source-newest': 'x:main' }, files: { 'x.py': '' } },
  { name: 'source-newest', version: '2.0', source: true },
  { name: 'startup-code', version: '1.0', scripts: { s: 'y:main' }, files: { 'evil.pth': evil(), 'y.py': '' } },
  { name: 'liar', version: '1.0', wrongHash: true },
]

/** What a wheel can do to every Python that starts with it: site executes such a line. */
function evil(): string {
  return `import os; open(os.environ.get("HOME", "/tmp") + "/evil", "w").close()\n`
}

let index: PypiIndex
const missing = await findPythons(process.env).then(
  (found) => pipDriver(found) && undefined,
  (error: unknown) => String(error),
)
const skip = unlessPresent('PIP', missing)
before(async () => {
  index = await pypiIndex(wheels)
})
after(async () => index[Symbol.asyncDispose]())

/** What would be started, verified as a start would. */
type Verified = Omit<ResolvedCommand, 'verify'>

async function start(
  home: PackageHome,
  line: string,
  told: string[] = [],
  from = index,
): Promise<Verified | undefined> {
  const found = await resolveCommand(line.split(' '), {
    places: home.places,
    env: { ...home.env, PIP_INDEX_URL: from.url },
    cwd: home.cwd,
    progress: (text) => told.push(text),
  })
  if (found === undefined) return undefined
  const { verify, ...verified } = found
  await verify?.()
  return verified
}

function run(found: Verified | undefined): unknown {
  const [file = '', ...args] = found?.command ?? []
  const { stdout, stderr, status } = spawnSync(file, args, { encoding: 'utf8', env: {} })
  assert.equal(status, 0, stderr)
  return JSON.parse(stdout)
}

async function refusal(work: Promise<unknown>): Promise<GloveboxError> {
  const error: unknown = await work.then(
    () => undefined,
    (reason: unknown) => reason,
  )
  assert.ok(error instanceof GloveboxError && error.fix !== undefined, String(error))
  return error
}

const treeOf = (found: Verified | undefined): string => (found?.command[0] ?? '').replace(/\/bin\/python$/, '')

test('uvx of a package installs it once, with hashes, and later starts ask no index', { skip }, async () => {
  using home = packageHome('http://127.0.0.1:9/')
  const first = await start(home, 'uvx py-server --x /data')
  assert.deepEqual(run(first), { version: '1.1', shared: 'shared 1.0', args: ['--x', '/data'] })
  const asked = index.requests.length
  assert.deepEqual(await start(home, 'uvx py-server --x /data'), first)
  assert.equal(index.requests.length, asked)
  assert.match(
    readFileSync(path.join(treeOf(first), 'requirements.txt'), 'utf8'),
    /py-server==1\.1 --hash=sha256:[0-9a-f]{64}\n/,
  )
})

test('versions, extras, other executables, modules and scripts are started as uv and pipx do', { skip }, async () => {
  using home = packageHome('http://127.0.0.1:9/')
  assert.deepEqual(run(await start(home, 'uvx py-server@1.0')), { version: '1.0', shared: 'shared 1.0', args: [] })
  assert.deepEqual(run(await start(home, 'uvx --from py-server[more] py-helper a')), {
    version: '1.1',
    shared: 'shared 1.0',
    args: ['a'],
  })
  assert.deepEqual(run(await start(home, 'uv run --with py-server python -m py_server b')), {
    version: '1.1',
    shared: 'shared 1.0',
    args: ['b'],
  })
  writeFileSync(path.join(home.cwd, 'own.py'), 'import py_server; py_server.main()\n')
  assert.deepEqual(run(await start(home, `uv run --with py-server ${home.cwd}/own.py c`)), {
    version: '1.1',
    shared: 'shared 1.0',
    args: ['c'],
  })
})

test('python -m is the user’s own Python, until the package was installed by that name', { skip }, async () => {
  using home = packageHome('http://127.0.0.1:9/')
  assert.equal(await start(home, 'python3 -m py_server x'), undefined)
  await start(home, 'uvx py-server')
  assert.deepEqual(run(await start(home, 'python3 -m py_server x')), {
    version: '1.1',
    shared: 'shared 1.0',
    args: ['x'],
  })
})

test(
  'no code of a package runs while it is fetched, not even what every Python start would run',
  { skip },
  async () => {
    using home = packageHome('http://127.0.0.1:9/')
    const found = await start(home, 'uvx startup-code')
    assert.ok(found)
    assert.ok(!existsSync(path.join(home.root, 'evil')))
    spawnSync(found.command[0] ?? '', ['-c', ''], { env: { HOME: home.root } })
    assert.ok(existsSync(path.join(home.root, 'evil')), 'the package does what this test says that it does')
  },
)

test('a version that no Python here can run is told, not replaced by an older one', { skip }, async () => {
  using home = packageHome('http://127.0.0.1:9/')
  const error = await refusal(start(home, 'uvx old-python'))
  assert.equal(error.code, 'HOST_CANNOT')
  assert.match(error.message, /old-python 2\.0 needs Python >=3\.99; there is 3\./)
  assert.equal((await start(home, 'uvx old-python@1.0'))?.package?.version, '1.0')
})

test('a newest version that has no wheel is said to be passed over', { skip }, async () => {
  using home = packageHome('http://127.0.0.1:9/')
  const told: string[] = []
  assert.equal((await start(home, 'uvx source-newest', told))?.package?.version, '1.0')
  assert.match(told.join('\n'), /the newest version 2\.0 has no wheel/)
})

test('what does not have the announced hash is refused', { skip }, async () => {
  using home = packageHome('http://127.0.0.1:9/')
  assert.equal((await refusal(start(home, 'uvx liar'))).code, 'REFUSED')
})

test('a changed file and a changed interpreter link are found before anything runs', { skip }, async () => {
  using home = packageHome('http://127.0.0.1:9/')
  const tree = treeOf(await start(home, 'uvx py-server'))
  const lib = path.join(tree, 'bin/py-server')
  const text = readFileSync(lib)
  chmodSync(lib, 0o755)
  writeFileSync(lib, '#!/usr/bin/env python\nprint("evil")\n')
  assert.match((await refusal(start(home, 'uvx py-server'))).message, /the file bin\/py-(server|helper) in the store/)
  writeFileSync(lib, text)
  chmodSync(lib, 0o555)
  assert.ok(await start(home, 'uvx py-server'))
  const link = path.join(tree, 'bin/python')
  const target = readlinkSync(link)
  chmodSync(path.dirname(link), 0o755)
  unlinkSync(link)
  symlinkSync('/bin/false', link)
  assert.match((await refusal(start(home, 'uvx py-server'))).message, /the file bin\/python in the store/)
  assert.notEqual(target, '/bin/false')
})

test('an index that is gone is named within 5 s, and what is installed runs', { skip }, async () => {
  const gone = await pypiIndex(wheels)
  using home = packageHome('http://127.0.0.1:9/')
  const found = await start(home, 'uvx py-server', [], gone)
  await gone[Symbol.asyncDispose]()
  assert.deepEqual(await start(home, 'uvx py-server', [], gone), found)
  const error = await within(5000, async () => refusal(start(home, 'uvx startup-code', [], gone)))
  assert.match(error.message, new RegExp(`${gone.url} cannot be reached`))
})

test('a name that is not in the index is told as such', { skip }, async () => {
  using home = packageHome('http://127.0.0.1:9/')
  assert.equal((await refusal(start(home, 'uvx nothing-there'))).code, 'NOT_FOUND')
})

test('known vulnerabilities of wheels are told', { skip }, async () => {
  using home = packageHome('http://127.0.0.1:9/')
  await start(home, 'uvx py-server')
  const env = { ...home.env, PIP_INDEX_URL: index.url }
  const { code, stdout, stderr } = await runApart(['package', 'check'], { env, cwd: home.cwd })
  assert.equal(code, 4, stderr)
  assert.match(stdout, /shared-lib 1\.0 +reported +PYSEC-1 +it leaks/)
})
