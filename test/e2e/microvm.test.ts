import assert from 'node:assert/strict'
import { spawn, type ChildProcess } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { text } from 'node:stream/consumers'
import { suite, test } from 'node:test'
import { setTimeout as pause } from 'node:timers/promises'
import { bootTemplate, machineParts } from '../../src/drivers/microvm/boot-template.ts'
import { findMicrovmHost } from '../../src/drivers/microvm/host.ts'
import { stageImage, startStaging } from '../../src/drivers/microvm/image/store.ts'
import { clonePatience } from '../../src/drivers/microvm/vmm/guest.ts'
import { openInside } from '../../src/inside/client.ts'
import { connectFramed } from '../../src/inside/framing/connect.ts'
import { ownMarker } from '../contract/processes.ts'
import { eventually } from '../support/eventually.ts'
import { testImage } from '../support/image.ts'
import { machineOf, testMachines, whyNoMachines } from '../support/machines.ts'
import { projectRoot } from '../support/readable-tree.ts'
import { unlessPresent } from '../support/requirement.ts'

const missing = unlessPresent('QEMU', whyNoMachines())
if (missing === false) await testMachines()

const program = path.join(projectRoot, 'bin/glovebox.cjs')

function start(...words: readonly string[]): ChildProcess {
  const args = [program, 'exec', '--driver', 'microvm', ...words]
  return spawn(process.execPath, args, { stdio: ['ignore', 'pipe', 'inherit'] })
}

/** By name, so that a host with KVM shows it too; Firecracker knows nothing else than KVM. */
const emulated = process.env['GLOVEBOX_VMM'] === 'firecracker' ? [] : ['--accel', 'tcg']

/** In which a connection to a jail has to say hello (docs/channel.md); three hundred machines keep their host for longer. */
const behindJailsMs = 5000

async function outputOf(...words: readonly string[]): Promise<string> {
  const child = start(...words)
  assert.ok(child.stdout)
  return text(child.stdout)
}

function isGone(pid: number): boolean {
  try {
    return /^State:\tZ/m.test(readFileSync(`/proc/${pid}/status`, 'utf8'))
  } catch (error) {
    if (error instanceof Error && 'code' in error && (error.code === 'ENOENT' || error.code === 'ESRCH')) return true
    throw error
  }
}

suite('virtual machines', { skip: missing }, () => {
  test('clones of one template are machines of their own', async () => {
    const about =
      'cat /etc/machine-id /proc/sys/kernel/random/boot_id /proc/sys/kernel/hostname; od -An -tx1 -N16 /dev/urandom'
    const draw = async (): Promise<string[]> => (await outputOf('--', 'sh', '-c', about)).trim().split('\n')
    const [first, second] = [await draw(), await draw()]
    assert.equal(first.length, 4)
    for (const [index, line] of first.entries()) assert.notEqual(line, second[index])
  })

  test('a machine has a clock that is right, a kernel of its own, and no network device', async () => {
    const about = 'date +%s; uname -r; tail -n +3 /proc/net/dev | cut -d: -f1'
    const from = Math.floor(Date.now() / 1000)
    const [seconds = '', kernel = '', ...devices] = (await outputOf('--', 'sh', '-c', about)).trim().split('\n')
    assert.ok(Number(seconds) >= from && Number(seconds) <= Date.now() / 1000 + 1, seconds)
    // A host may run the same one.
    assert.equal(kernel, (await testImage()).record.kernelVersion)
    assert.deepEqual(
      devices.map((device) => device.trim()),
      ['lo'],
    )
  })

  test('CFG-TOML: a machine is as large as its configuration says', async () => {
    const directory = mkdtempSync('/tmp/glovebox-size-')
    const file = path.join(directory, 'glovebox.toml')
    const about = 'nproc >&2; sed -n "s/^MemTotal: *//p" /proc/meminfo >&2; cat'
    writeFileSync(
      file,
      `microvm = { memory = "448M", cpus = 2 }\n[mcpServers.size]\ncommand = "sh"\nargs = ["-c", ${JSON.stringify(about)}]\nsandbox.driver = "microvm"\n`,
    )
    const child = spawn(process.execPath, [program, 'run', ...emulated, '--config', file, 'size'], {
      stdio: ['ignore', 'ignore', 'pipe'],
    })
    const said = await text(child.stderr)
    rmSync(directory, { recursive: true })
    assert.match(said, /^2$/m)
    const kilobytes = Number(/^(\d+) kB$/m.exec(said)?.[1])
    // 448 MiB and what a guest has for itself, less what its kernel keeps.
    assert.ok(kilobytes > 480 * 1024 && kilobytes < 576 * 1024, said)
  })

  test('a host that is kept from saying hello for longer than a process of its own may take is still served', async () => {
    const never = new AbortController().signal
    const host = await findMicrovmHost(process.env, { mayBuild: 'watched', signal: never })
    const shape = { memoryBytes: 384 * 1024 ** 2, vcpus: 1 }
    const { directory: template } = await bootTemplate(host, shape, never)
    await using own = stageImage(startStaging(host.places))
    const machine = await host.vmm.clone(machineParts(host, shape), { template, own: own.directory }, never)
    try {
      const { stream } = await connectFramed(await machine.connect(), clonePatience)
      await pause(behindJailsMs + 500)
      const inside = await openInside(stream)
      assert.equal(inside.hello.instance.length, 16)
    } finally {
      await machine.kill()
    }
  })

  for (const victim of ['owner', 'vmm', 'launcher'] as const) {
    test(`nothing is left of a machine whose ${victim} is killed`, async () => {
      const child = start('--', 'sh', '-c', `echo running; sleep ${ownMarker()}`)
      const { stdout, pid: owner = 0 } = child
      assert.ok(stdout)
      const ended = new Promise((resolve) => void child.once('exit', resolve))
      await new Promise<void>((resolve) => void stdout.once('data', () => resolve()))
      const pids = { owner, ...machineOf(owner) }
      process.kill(pids[victim], 'SIGKILL')
      await ended
      await eventually(() => (Object.values(pids).every((pid) => isGone(pid)) ? true : undefined))
    })
  }
})
