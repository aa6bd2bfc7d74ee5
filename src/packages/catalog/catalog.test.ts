import assert from 'node:assert/strict'
import { test } from 'node:test'
import { GloveboxError } from '../../errors.ts'
import { configShape } from '../../config/schema/config.ts'
import { readShape } from '../../config/schema/shape.ts'
import { treeOf, type Plain } from '../../config/tree.ts'
import { recognise } from '../recognise/recognise.ts'
import { fillEntry, usageOf, type CatalogEntry } from './entry.ts'
import { fromCatalog } from './from-words.ts'
import { allEntries, findEntry } from './load.ts'

const entries = allEntries()
const parameters = (entry: CatalogEntry): string[] =>
  (entry.parameters ?? []).map(({ kind }) => (kind === 'text' ? 'x' : '/some/where'))

test('there are 30 servers and more, each in the file of its name', () => {
  assert.ok(entries.length >= 30, `${entries.length} entries`)
  for (const entry of entries) assert.deepEqual(findEntry(entry.name), entry)
})

for (const entry of entries) {
  test(`${entry.name} is a pinned package with a policy that a configuration could have`, () => {
    const { command, spelled, env } = fillEntry(entry, parameters(entry), { cwd: '/', has: () => true })
    assert.ok(!command.some((word) => word.includes('{')), command.join(' '))
    const found = recognise(command)
    assert.ok(found?.kind === 'package')
    assert.match(found.request.packages[0] ?? '', /(@|==)\d[\w.-]*$/, 'the version is exact')
    const [program = '', ...args] = command
    const server = { command: program, args, env, sandbox: JSON.parse(JSON.stringify(spelled)) as Plain }
    const { problems } = readShape(configShape, treeOf({ mcpServers: { [entry.name]: server } }))
    assert.deepEqual(problems, [])
    assert.ok(spelled.exec !== undefined, 'it says which programs it may run besides itself')
    assert.ok(entry.title.length <= 80 && usageOf(entry).startsWith(`glovebox run ${entry.name}`))
    for (const { name, secret } of entry.variables ?? [])
      assert.equal(secret === true, /TOKEN|KEY|SECRET|PASSWORD|CONNECTION_STRING/.test(name), name)
  })
}

test('paths are made absolute and shown as they may be used; of a file that is written its directory', () => {
  const has = (): boolean => true
  const at = (name: string, words: readonly string[]) => {
    const entry = findEntry(name)
    assert.ok(entry)
    return fillEntry(entry, words, { cwd: '/work', has })
  }
  assert.deepEqual(at('filesystem', ['a', '/b']).spelled.filesystem, { read: [], write: ['/work/a', '/b'] })
  assert.deepEqual(at('files', ['.']).spelled.filesystem, { read: ['/work'], write: [] })
  assert.deepEqual(at('sqlite', ['data/x.db']).spelled.filesystem, { read: [], write: ['/work/data'] })
  assert.deepEqual(at('memory', ['m']).env, { MEMORY_FILE_PATH: '/work/m/memory.jsonl' })
  assert.deepEqual(at('time', []).command.slice(-2), ['--local-timezone', 'UTC'])
})

test('a parameter that is missing, one too many, and a variable that is not set are told with the way to write it', async () => {
  const attempt = async (words: readonly string[]): Promise<GloveboxError> =>
    fromCatalog(words, { cwd: '/', env: {}, given: [] }).then(
      () => assert.fail('it was taken'),
      (error: unknown) => {
        assert.ok(error instanceof GloveboxError && error.fix !== undefined)
        return error
      },
    )
  assert.match((await attempt(['git'])).fix ?? '', /glovebox run git REPOSITORY/)
  assert.match((await attempt(['calculator', 'x'])).message, /"x" is more than it takes/)
  assert.match((await attempt(['github'])).fix ?? '', /--env GITHUB_PERSONAL_ACCESS_TOKEN=VALUE/)
  const given = await fromCatalog(['github'], { cwd: '/', env: {}, given: ['GITHUB_PERSONAL_ACCESS_TOKEN=x'] })
  assert.deepEqual(given?.command.slice(0, 2), ['npx', '-y'])
  const copied = await fromCatalog(['github'], { cwd: '/', env: { GITHUB_PERSONAL_ACCESS_TOKEN: 'y' }, given: [] })
  assert.deepEqual(copied?.env, { GITHUB_PERSONAL_ACCESS_TOKEN: 'y' })
})

test('what is no short name is no server of the catalogue, nor a file somewhere else', async () => {
  for (const name of ['node', '../package', 'git.json', 'GIT', '', '/git', 'no-such-name', '__proto__'])
    assert.equal(await fromCatalog([name], { cwd: '/', env: {}, given: [] }), undefined, name)
})
