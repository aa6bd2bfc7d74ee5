import assert from 'node:assert/strict'
import { homedir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { allEntries, findEntry } from '../../src/packages/catalog/load.ts'
import { resolveCommand, type ResolvedCommand } from '../../src/packages/start.ts'
import { places } from '../../src/system/places.ts'
import { checkEntry, installEntry } from '../support/catalog-check.ts'
import { isLong } from '../support/requirement.ts'

const skip = isLong() ? false : 'the registries are asked in long runs only'
const home = path.join(homedir(), '.cache', 'glovebox-test-catalog')

const npm = 'everything filesystem memory thinking pdf database github gitlab slack postgres context7 notion'.split(' ')
const pypi = 'git time sqlite calculator text-editor fetch'.split(' ')

test(
  '12 servers of npm and 6 of PyPI are installed, started offline and called',
  { skip, timeout: 3_600_000 },
  async () => {
    assert.deepEqual([npm.length, pypi.length], [12, 6])
    assert.equal(allEntries().filter(({ name }) => [...npm, ...pypi].includes(name)).length, 18)
    for (const name of [...npm, ...pypi]) {
      const entry = findEntry(name)
      assert.ok(entry)
      await installEntry(entry, { home })
      // With no registry to be found.
      await checkEntry(entry, {
        home,
        env: { npm_config_registry: 'http://127.0.0.1:9/', PIP_INDEX_URL: 'http://127.0.0.1:9/' },
      })
    }
  },
)

test('the same package is at the same place in the stores of two homes', { skip, timeout: 600_000 }, async () => {
  const command = ['npx', '-y', '@modelcontextprotocol/server-memory@2026.8.31']
  const start = async (name: string): Promise<ResolvedCommand | undefined> => {
    const env = { ...process.env, GLOVEBOX_HOME: path.join(home, name) }
    return resolveCommand(command, { places: places(env), env, cwd: homedir(), progress: () => undefined })
  }
  const [first, second] = [await start('one'), await start('two')]
  assert.ok(first?.package)
  assert.equal(second?.package?.key, first.package.key)
})
