import assert from 'node:assert/strict'
import { existsSync, mkdirSync, rmSync, writeFileSync } from 'node:fs'
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

  for (const [what, link, target] of [
    ['a directory', '.config', 'dotfiles/config'],
    ['a single file', '.config/glovebox/glovebox.json', 'dotfiles/gb.json'],
    ['a profile', '.config/glovebox/profiles/mine.json', 'dotfiles/mine.json'],
  ] as const) {
    test(`settings that are linked from elsewhere, ${what}, can be neither seen nor written there (${runner.name})`, (t) => {
      const home = path.join(runner.home, `linked-${path.basename(target)}`)
      t.after(() => rmSync(home, { recursive: true }))
      const dotfiles = path.join(home, 'dotfiles')
      const secret = path.join(home, target.endsWith('.json') ? target : `${target}/glovebox/glovebox.json`)
      const make = `set -e; mkdir -p ${path.dirname(secret)} ${path.dirname(path.join(home, link))}
        echo '{}' >${secret}; ln -s ${path.join(home, target)} ${path.join(home, link)}`
      assert.equal(runner.spawnSync('sh', ['-c', make]).status, 0)
      const exec = (...words: string[]) =>
        runner.spawnSync('env', [`HOME=${home}`, ...glovebox(runner, ['exec', ...words])])

      const written = exec('--write', dotfiles, '--', 'true')
      assert.equal(written.status, 2, written.stderr)
      assert.match(written.stderr, /has Glovebox's own files in it \(.*dotfiles.*\), which no sandbox may change/)
      const read = exec('--read', dotfiles, '--', 'sh', '-c', `cat ${secret}; ls ${dotfiles}`)
      assert.equal(read.status, 0, read.stderr)
      assert.doesNotMatch(read.stdout, /\{/)
      assert.match(read.stdout, new RegExp(path.basename(target)))
    })
  }
}
