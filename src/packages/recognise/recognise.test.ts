import assert from 'node:assert/strict'
import { test } from 'node:test'
import { array, assert as check, constantFrom, oneof, property, string } from 'fast-check'
import { GloveboxError } from '../../errors.ts'
import { recognise } from './recognise.ts'

function understood(line: string) {
  const result = recognise(line.split(' '))
  if (result?.kind !== 'package') return result
  const { request, entry, args } = result
  const name =
    entry.kind === 'interpreter' ? '(interpreter)' : entry.kind === 'module' ? `-m ${entry.name}` : entry.name
  return [`${request.ecosystem} ${request.packages.join(' + ')}`, name, args.join(' ')]
}

const cases: Readonly<Record<string, readonly unknown[]>> = {
  'npx -y @scope/server@^1.2 /data --flag -y': ['npm @scope/server@^1.2', undefined, '/data --flag -y'],
  '/usr/local/bin/npx --yes server': ['npm server', undefined, ''],
  'npx -p @scope/a@1 --package=b@next run-me x': ['npm @scope/a@1 + b@next', 'run-me', 'x'],
  'npx -y -- server --port 1': ['npm server', undefined, '--port 1'],
  'npm exec server -- --flag': ['npm server', undefined, '--flag'],
  'npm x --package=a -- b c': ['npm a', 'b', 'c'],
  'npm exec -y server -q': ['npm server', undefined, ''],
  'pnpm dlx --package=a b --x': ['npm a', 'b', '--x'],
  'pnpm --silent dlx a@2': ['npm a@2', undefined, ''],
  'pnpx a': ['npm a', undefined, ''],
  'yarn dlx -q -p a b': ['npm a', 'b', ''],
  'bunx @scope/a --x': ['npm @scope/a', undefined, '--x'],
  'bun x a': ['npm a', undefined, ''],
  'npx.cmd -y a': ['npm a', undefined, ''],
  'uvx mcp-server-git --repository .': ['pypi mcp-server-git', undefined, '--repository .'],
  'uvx mcp_server.git@2025.1.14': ['pypi mcp-server-git==2025.1.14', undefined, ''],
  'uvx mcp-server-git@latest': ['pypi mcp-server-git', undefined, ''],
  'uvx --from mcp-server[cli,b]>=1,<2 mcp run x.py': ['pypi mcp-server[b,cli]>=1,<2', 'mcp', 'run x.py'],
  'uvx --with a,b>=1,<2 --with c tool': ['pypi tool + a + b>=1,<2 + c', undefined, ''],
  'uv tool run --python 3.12 tool a': ['pypi tool', undefined, 'a'],
  'uv run --with fastmcp fastmcp run s.py': ['pypi fastmcp', 'fastmcp', 'run s.py'],
  'uv run --with fastmcp python -m mod x': ['pypi fastmcp', '-m mod', 'x'],
  'uv run --with fastmcp server.py --x': ['pypi fastmcp', '(interpreter)', 'server.py --x'],
  'pipx run --spec pkg==1 app x': ['pypi pkg==1', 'app', 'x'],
  'python3 -m mcp_server_git --repository /r': ['pypi mcp-server-git', '-m mcp_server_git', '--repository /r'],
}

for (const [line, expected] of Object.entries(cases)) {
  test(`${line} is understood`, () => assert.deepEqual(understood(line), expected))
}

test('what is no package runner is left alone', () => {
  for (const line of [
    'node server.js',
    'npm run start',
    'npm install x',
    'pnpm exec tool',
    'yarn start',
    'bun run x',
    'uv run --directory /x server',
    'uv pip install x',
    'pipx install x',
    'python server.py',
    'python -c pass',
    'docker ps',
  ]) {
    assert.equal(recognise(line.split(' ')), undefined, line)
  }
})

test('the image of docker run is found behind options with and without values', () => {
  for (const line of [
    'docker run -i --rm -v /a:/b -e KEY mcp/fetch arg',
    'podman run -it --name x --env=K=V mcp/fetch',
    'docker container run --init -- mcp/fetch -x',
  ]) {
    const found = recognise(line.split(' '))
    assert.equal(found?.kind === 'image' && found.image, 'mcp/fetch', line)
  }
})

test('what cannot be pinned is refused with what to write instead', () => {
  const refused: Readonly<Record<string, RegExp>> = {
    'npx -c env': /shell/,
    'npx --registry http://x a': /registry/,
    'npx --frobnicate a': /does not know/,
    'npx -y': /not said what to run/,
    'npx -p': /value is missing/,
    'npx github:user/repo': /not a package of a registry/,
    'npx user/repo': /not a package of a registry/,
    'npx ./local': /not a package of a registry/,
    'npx a@file:../b': /not a package of a registry/,
    'npx a@npm:b@1': /not a package of a registry/,
    'npx https://x/y.tgz': /not a package of a registry/,
    'bunx --bun a': /Node/,
    'uvx --from git+https://x/y tool': /not a package of an index/,
    'uvx ./here': /not a package of an index/,
    'uvx --index-url http://x tool': /pip\.conf/,
    'uvx --python pypy tool': /not a version of CPython/,
    'uvx --python /usr/bin/python3 tool': /not a version of CPython/,
    'uvx --python 3.13t tool': /not a version of CPython/,
    uvx: /not said what to run/,
  }
  for (const [line, message] of Object.entries(refused)) {
    assert.throws(
      () => recognise(line.split(' ')),
      (error) => {
        assert.ok(error instanceof GloveboxError && error.code === 'USAGE' && error.fix !== undefined, line)
        assert.match(`${error.message} ${error.fix}`, message, line)
        return true
      },
    )
  }
})

test('a flag that asks for a fresh copy is told as ignored, one that says yes is not', () => {
  const found = recognise(['uvx', '--refresh', '-q', 'tool'])
  assert.deepEqual(found?.kind === 'package' && found.ignored, ['--refresh'])
  const npm = recognise(['npx', '-y', '--prefer-online', 'tool'])
  assert.deepEqual(npm?.kind === 'package' && npm.ignored, ['--prefer-online'])
})

test('any words give a command, nothing, or a refusal with a fix', () => {
  const runner = constantFrom('npx', 'npm', 'pnpm', 'yarn', 'bunx', 'uvx', 'uv', 'pipx', 'python3', 'docker')
  const word = oneof(
    string(),
    constantFrom('exec', 'dlx', 'run', 'tool', '-p', '--with', '--', '--from', '-m', '__proto__', '--__proto__=1'),
  )
  check(
    property(runner, array(word, { maxLength: 8 }), (program, words) => {
      try {
        const found = recognise([program, ...words])
        if (found?.kind === 'package') for (const text of found.request.packages) assert.doesNotMatch(text, /[\0\n]|^-/)
      } catch (error) {
        assert.ok(error instanceof GloveboxError && error.code === 'USAGE' && error.fix !== undefined, String(error))
      }
    }),
    { numRuns: 5000 },
  )
})
