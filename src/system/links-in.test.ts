import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, realpathSync, rmSync, symlinkSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { linksIn } from './links-in.ts'

test('links of a directory are found as deep as is asked, with those to nothing, and through a linked directory', (t) => {
  const root = realpathSync(mkdtempSync(path.join(tmpdir(), 'glovebox-links-')))
  t.after(() => rmSync(root, { recursive: true }))
  const at = (name: string): string => path.join(root, name)
  mkdirSync(at('settings/profiles'), { recursive: true })
  mkdirSync(at('dotfiles/more'), { recursive: true })
  writeFileSync(at('dotfiles/gb.json'), '{}')
  writeFileSync(at('settings/plain.json'), '{}')
  symlinkSync('../dotfiles/gb.json', at('settings/glovebox.json'))
  symlinkSync('../dotfiles/later.json', at('settings/later.json'))
  symlinkSync('../../dotfiles/own.json', at('settings/profiles/own.json'))
  symlinkSync('../dotfiles/more', at('settings/more'))
  symlinkSync('../gb.json', at('dotfiles/more/inner.json'))
  const own = ['dotfiles/gb.json', 'dotfiles/later.json', 'dotfiles/more']
  assert.deepEqual(linksIn(at('settings'), 1).toSorted(), own.map(at))
  assert.deepEqual([...new Set(linksIn(at('settings'), 2))].toSorted(), [...own, 'dotfiles/own.json'].map(at))
  assert.deepEqual(linksIn(at('nowhere'), 2), [])
  assert.deepEqual(linksIn(at('settings/plain.json'), 2), [])
})
