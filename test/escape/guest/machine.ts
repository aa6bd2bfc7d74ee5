import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { dirname } from 'node:path'
import { text } from 'node:stream/consumers'
import type { Duplex } from 'node:stream'
import { bootTemplate, machineParts } from '../../../src/drivers/microvm/boot-template.ts'
import type { MicrovmHost } from '../../../src/drivers/microvm/microvm-host.ts'
import { packGiven } from '../../../src/drivers/microvm/image/given.ts'
import { stageImage, startStaging } from '../../../src/drivers/microvm/image/store.ts'
import { clonePatience, enterGuest } from '../../../src/drivers/microvm/vmm/guest.ts'
import { startInGuest, type GuestLauncher } from '../../../src/drivers/microvm/vmm/guest-launcher.ts'
import { copyDirectory } from '../../../src/drivers/microvm/vmm/guest-plan.ts'
import { identify } from '../../../src/drivers/microvm/vmm/identity.ts'
import type { MachineEnd } from '../../../src/drivers/microvm/vmm/machine.ts'
import { shapeFor } from '../../../src/drivers/microvm/vmm/shape.ts'
import type { Inside } from '../../../src/inside/client.ts'
import { tarIn } from '../../../src/inside/files.ts'
import { storeIn } from '../../../src/packages/store/store.ts'
import type { JailMount, JailPlan } from '../../../src/protocol/jail-plan.ts'
import { guestCalls, type TerminalSize } from '../../../src/protocol/inside/v1.ts'
import { limits, sorted, type JailRun } from '../support/jail.ts'
import { startOutside } from './accomplice.ts'

/** A machine in which one sandbox after another is started, and that can be looked at from outside of them. */
export interface Guest {
  readonly inside: Inside
  readonly ended: Promise<MachineEnd>
  /** Runs a plan made for this host: what it shows of the given directories is on the second drive, and the workspace is the copy. */
  run(plan: JailPlan, options?: GuestRunOptions): Promise<JailRun>
  /** The output of a program that runs as root in the guest, in no sandbox. */
  outside(...words: readonly string[]): Promise<string>
  startOutside(...words: readonly string[]): Promise<Duplex>
  /** Files and directories of this host, into the guest's own /tmp by the same names, for everybody to read and write. */
  copyIn(...paths: readonly string[]): Promise<void>
  kill(): Promise<MachineEnd>
}

export interface GuestRunOptions {
  /** Its launcher's stdin, stdout and stderr are one. */
  readonly terminal?: TerminalSize
  readonly meanwhile?: ((launcher: GuestLauncher) => Promise<void>) | undefined
}

/** @param given directories of this host, which become the second drive; `workspace` is sent, as `--workspace DIR:copy` is */
export async function startGuest(
  host: MicrovmHost,
  { given, workspace, id }: { readonly given: readonly string[]; readonly workspace: string; readonly id: string },
): Promise<Guest> {
  const { signal } = new AbortController()
  const shape = shapeFor(limits({}))
  const template = await bootTemplate(host, shape, signal)
  await using own = stageImage(startStaging(host.places))
  const mounts = given.map((source) => ({ source, target: source }))
  const { path } = await packGiven(mounts, {
    store: host.images,
    packages: storeIn(host.places.data),
    directory: own.directory,
    deny: [],
    env: process.env,
    signal,
  })
  const parts = { ...machineParts(host, shape), given: path }
  const machine = await host.vmm.clone(parts, { template: template.directory, own: own.directory }, signal)
  const inside = await enterGuest(machine, clonePatience)
  await identify(inside, id)
  await inside.connection.unary(guestCalls.mountGiven, {})

  const translate = (plan: JailPlan): JailPlan => ({
    ...plan,
    mounts: [
      ...template.record.system.map(({ path: target, source, exec }): JailMount => ({
        source,
        target,
        access: 'read',
        exec,
        owner: 'system',
      })),
      ...plan.mounts.flatMap((mount): JailMount[] => {
        if (mount.owner === 'system') return []
        if (mount.source === workspace) return [{ ...mount, source: copyDirectory }]
        const index = given.indexOf(mount.source)
        assert.notEqual(index, -1, `${mount.source} is on no drive`)
        return [{ ...mount, source: `/run/glovebox/given/${index}` }]
      }),
    ],
  })
  const send = async (directory: string, archive: Buffer): Promise<void> => {
    const into = await tarIn(inside.connection, directory)
    for (let at = 0; at < archive.length; at += 256 * 1024) await into.write(archive.subarray(at, at + 256 * 1024))
    await into.finish()
  }
  await send(copyDirectory, archiveOf(['-C', workspace, '.']))
  const guest: Guest = {
    inside,
    ended: machine.ended,
    async run(plan, { terminal, meanwhile } = {}) {
      const launcher = startInGuest(inside, translate(plan), terminal)
      launcher.stdin.on('error', () => undefined) // it need not read
      // The end of a terminal's input is a character, which nobody has typed.
      if (terminal === undefined) launcher.stdin.end()
      const said = [launcher.stdout, launcher.stderr, launcher.status].map(async (stream) => text(stream))
      await meanwhile?.(launcher).catch((error: unknown) => {
        launcher.kill('SIGKILL')
        throw error
      })
      const [stdout = '', stderr = '', told = ''] = await Promise.all(said)
      const lost = await launcher.lost
      if (lost !== undefined) throw lost
      return { stdout, stderr, code: (await launcher.ended).code, ...sorted(told) }
    },
    startOutside: async (...words) => startOutside(inside, words),
    async outside(...words) {
      const stream = await startOutside(inside, words)
      stream.end()
      return text(stream)
    },
    async copyIn(...paths) {
      const names = paths.map((each) => {
        assert.ok(each.startsWith('/tmp/'), each)
        return each.slice('/tmp/'.length)
      })
      await guest.outside('/bin/mkdir', '-p', ...paths.map((each) => dirname(each)))
      await send('/tmp', archiveOf(['--mode=a+rwX', '-C', '/tmp', ...names]))
    },
    kill: async () => machine.kill(),
  }
  return guest
}

/** Sockets are left out, and said to be. */
function archiveOf(words: readonly string[]): Buffer {
  const made = spawnSync('tar', ['--format=posix', '-cf', '-', ...words], { maxBuffer: 64 * 1024 ** 2 })
  assert.equal(made.status, 0, made.stderr.toString())
  return made.stdout
}
