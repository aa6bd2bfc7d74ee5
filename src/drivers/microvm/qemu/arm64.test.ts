import assert from 'node:assert/strict'
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { Socket } from 'node:net'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, test } from 'node:test'
import { unlessPresent } from '../../../../test/support/requirement.ts'
import { inPath } from '../vmm/program.ts'
import { commandLine, type CommandLine } from './command-line.ts'
import { openQmp } from './qmp.ts'

const program = inPath(process.env, 'qemu-system-aarch64')
const skip = unlessPresent(
  'QEMU_ARM64',
  program === undefined ? 'there is no qemu-system-aarch64 (Debian: qemu-system-arm)' : undefined,
)

const directory = mkdtempSync(join(tmpdir(), 'glovebox-arm64-'))
after(() => rmSync(directory, { recursive: true }))

/** A file of a machine's, with as many zeros in it. */
function file(name: string, bytes: number): string {
  const path = join(directory, name)
  writeFileSync(path, '')
  truncateSync(path, bytes)
  return path
}

const mebibyte = 1024 ** 2

// Nothing of a guest's runs: this is whether there are such machines, devices and properties. x86's line starts every machine of the suite.
for (const start of ['boot', 'clone'] as const)
  test(`QEMU makes the machine of arm64 as its line says (${start})`, { skip, timeout: 60_000 }, async () => {
    const options: CommandLine = {
      architecture: 'arm64',
      accelerator: 'tcg',
      shape: { memoryBytes: 256 * mebibyte, vcpus: 2 },
      files: {
        kernel: file('kernel', mebibyte),
        initrd: file('initrd', mebibyte),
        root: file('root', mebibyte),
        given: file('given', mebibyte),
        memory: file('memory', 256 * mebibyte),
      },
      start,
      readOnlyMemory: false,
      tscKhz: undefined,
      denySpawn: start === 'clone',
    }
    const child = spawn(program ?? '', [...commandLine(options), '-S'], { stdio: ['ignore', 'pipe', 'pipe'] })
    const ended = once(child, 'exit')
    const monitor: unknown = child.stdio[2]
    // As in a jail: a pipe of Node's is a pair of sockets.
    assert.ok(monitor instanceof Socket)
    const qmp = openQmp(monitor, () => undefined)
    try {
      const drives = await qmp.execute('query-block')
      assert.ok(Array.isArray(drives) && drives.length === 2, JSON.stringify(drives))
      for (const drive of drives as { inserted: { ro: boolean } }[]) assert.ok(drive.inserted.ro)
      const { status } = (await qmp.execute('query-status')) as { status: string }
      assert.equal(status, start === 'boot' ? 'prelaunch' : 'inmigrate')
      await qmp.execute('quit')
      assert.deepEqual(await ended, [0, null], qmp.complaints())
    } finally {
      child.kill('SIGKILL')
    }
  })
