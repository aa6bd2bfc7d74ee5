import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { GloveboxError } from '../../errors.ts'
import { canonicalJson } from '../canonical.ts'
import type { Resolution } from '../resolution.ts'
import { readLock } from './lock.ts'
import type { NpmTool } from './npm-tool.ts'
import { manifestFor } from './resolve.ts'

/** Puts exactly the versions of a resolution into `tree`; npm compares every archive with its hash, and runs no script. */
export async function installNpm(tree: string, resolution: Resolution, npm: NpmTool): Promise<void> {
  // A resolution may come from somebody else's glovebox.lock: it is read as one that was never seen.
  requireSame(readLock(resolution.lock), resolution)
  writeFileSync(join(tree, 'package.json'), manifestFor(resolution.roots))
  writeFileSync(join(tree, 'package-lock.json'), `${JSON.stringify(resolution.lock, null, 2)}\n`)
  await npm.run(['ci'], tree)
  requireSame(readLock(JSON.parse(readFileSync(join(tree, 'package-lock.json'), 'utf8'))), resolution)
}

function requireSame(entries: Resolution['entries'], resolution: Resolution): void {
  if (canonicalJson(entries) === canonicalJson(resolution.entries)) return
  throw new GloveboxError('REFUSED', 'the lock and the versions that it is said to hold are not the same', {
    fix: 'resolve anew: glovebox package update',
  })
}
