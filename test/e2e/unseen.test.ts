import assert from 'node:assert/strict'
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { usualRunners, type Runner } from '../support/as-user.ts'
import { glovebox } from '../support/mcp-client.ts'

const cli = (runner: Runner, args: readonly string[]) => {
  const [program, ...words] = glovebox(runner, args)
  return runner.spawnSync(program, words, { input: '' })
}

/** What an attacker would look for: the record of what it does, the keys of `glovebox ssh`, the settings of the machine. */
const look = (places: readonly string[]): string =>
  `for place in ${places.join(' ')}; do for file in $(ls -A $place 2>/dev/null); do echo $place/$file; done; done`

for (const runner of usualRunners()) {
  test(`a home that is shown has nothing of what Glovebox keeps for itself in it (${runner.name})`, () => {
    const places = ['.local/state/glovebox', '.config/glovebox'].map((place) => path.join(runner.home, place))
    const seen = cli(runner, ['exec', '--read', runner.home, '--', 'sh', '-c', look(places)])
    assert.equal(seen.status, 0, seen.stderr)
    assert.equal(seen.stdout, '')
    for (const place of places) assert.ok(existsSync(place), `${place} was not there to be masked`)

    const settings = path.join(runner.home, '.config/glovebox/glovebox.json')
    mkdirSync(path.dirname(settings), { recursive: true })
    writeFileSync(settings, '{}')
    const bare = runner.spawnSync('sh', ['-c', look(places)], {})
    assert.match(bare.stdout, /glovebox\.json/)
    assert.match(bare.stdout, /\/audit/)
    const link = path.join(runner.home, '.config')
    const again = cli(runner, ['exec', '--read', link, '--', 'sh', '-c', look(places)])
    assert.equal(again.stdout, '', again.stderr)
  })

  test(`what Glovebox keeps for itself cannot be shown (${runner.name})`, () => {
    const audit = path.join(runner.home, '.local/state/glovebox/audit')
    const refused = cli(runner, ['exec', '--read', audit, '--', 'ls', audit])
    assert.equal(refused.status, 2, refused.stderr)
    assert.match(refused.stderr, /filesystem\.read: .* is Glovebox's own .*which no sandbox may see/)
  })
}
