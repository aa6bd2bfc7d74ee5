import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, readFileSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { after, test } from 'node:test'
import { nativeTarget, nativeTargets, releaseOf, stageNative } from './native-package.ts'

const root = mkdtempSync(path.join(tmpdir(), 'glovebox-native-'))
after(() => rmSync(root, { recursive: true }))
const clone = path.join(import.meta.dirname, '../..')

/** The header of a program, with one entry in its table. */
function program(machine: number, segment: number): Buffer {
  const bytes = Buffer.alloc(128)
  bytes.write('\x7fELF', 'latin1')
  bytes.writeUInt16LE(machine, 18)
  bytes.writeBigUInt64LE(64n, 32)
  bytes.writeUInt16LE(56, 54)
  bytes.writeUInt16LE(1, 56)
  bytes.writeUInt32LE(segment, 64)
  return bytes
}

const arm64 = nativeTarget('linux-arm64')

function build(binary: Buffer): void {
  mkdirSync(path.join(root, 'native/npm/linux-arm64'), { recursive: true })
  const manifest = readFileSync(path.join(clone, 'native/npm/linux-arm64/package.json'))
  writeFileSync(path.join(root, 'native/npm/linux-arm64/package.json'), manifest)
  for (const name of ['LICENSE-MIT', 'LICENSE-APACHE']) writeFileSync(path.join(root, name), '')
  const release = releaseOf(root, arm64)
  mkdirSync(release, { recursive: true })
  writeFileSync(path.join(release, 'glovebox-inside'), binary)
}

test('Each native package of the clone is a target, and each is an optional dependency of the same version.', () => {
  const there = readdirSync(path.join(clone, 'native/npm')).toSorted()
  assert.deepEqual(nativeTargets.map(({ platform }) => platform).toSorted(), there)
  const main = JSON.parse(readFileSync(path.join(clone, 'package.json'), 'utf8')) as {
    version: string
    optionalDependencies: object
  }
  const wanted = there.map((platform) => [`glovebox-inside-${platform}`, main.version])
  assert.deepEqual(main.optionalDependencies, Object.fromEntries(wanted))
})

test('What a package is for is in its manifest, and not in that of the clone, which npm would refuse elsewhere.', () => {
  build(program(183, 1))
  const staged = stageNative(root, arm64)
  const manifest = JSON.parse(readFileSync(path.join(staged, 'package.json'), 'utf8')) as Record<string, unknown>
  assert.deepEqual(
    [manifest['name'], manifest['os'], manifest['cpu']],
    ['glovebox-inside-linux-arm64', ['linux'], ['arm64']],
  )
  for (const { platform } of nativeTargets)
    assert.doesNotMatch(readFileSync(path.join(clone, 'native/npm', platform, 'package.json'), 'utf8'), /"(os|cpu)"/)
})

test('A program of another processor, one that needs a loader, and one that is not there go into no package.', () => {
  build(program(62, 1))
  assert.throws(() => stageNative(root, arm64), /is no program for linux-arm64/)
  build(program(183, 3))
  assert.throws(() => stageNative(root, arm64), /is not static/)
  rmSync(releaseOf(root, arm64), { recursive: true })
  assert.throws(() => stageNative(root, arm64), /npm run build:native -- --target linux-arm64/)
  assert.throws(() => nativeTarget('linux-riscv64'), /native\/npm has linux-x64 and linux-arm64/)
})
