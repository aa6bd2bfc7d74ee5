import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { test } from 'node:test'
import { shellWord } from './shell-word.ts'

test('a shell takes as one word whatever a path may be, and plain paths stay readable', () => {
  assert.equal(shellWord('/srv/images/root-1.ext4'), '/srv/images/root-1.ext4')
  for (const text of ['', 'a b', "it's", '$(reboot)', '`reboot`', '"x"', '~', '*', 'a\nb', '\\', ';', 'ü']) {
    const { stdout } = spawnSync('sh', ['-c', `printf '<%s>' ${shellWord(text)}`], { encoding: 'utf8' })
    assert.equal(stdout, `<${text}>`)
  }
})
