import { closeSync, mkdirSync, openSync } from 'node:fs'
import { join } from 'node:path'
import { setImmediate, setTimeout } from 'node:timers/promises'
import { GloveboxError } from '../../../errors.ts'
import { randomHex } from '../../../system/random-hex.ts'
import { untrustedLog } from '../../../ui/untrusted.ts'
import { startJailed } from '../vmm/jailed.ts'
import { removeLeft } from '../vmm/left.ts'
import type { Machine, MachineEnd, MachineParts, Vmm } from '../vmm/machine.ts'
import { memoryName, stateName } from '../vmm/taken.ts'
import { openApi, type Api } from './api.ts'
import { describeEnd, lastOf } from './ending.ts'
import { firecrackerIdentity, type Firecracker } from './find.ts'
import { filesInside, firecrackerJailPlan, socketNames, type FirecrackerStart } from './jail-plan.ts'
import { bootCalls, freezeCalls, loadCall } from './requests.ts'
import { kernelFile } from './kernel-file.ts'
import { makeSparse } from './sparse.ts'
import { connectToGuest } from './vsock.ts'

export interface FirecrackerOptions {
  /** Path of glovebox-inside. */
  readonly inside: string
  readonly firecracker: Firecracker
  /** What names the host's processor, which guests see. */
  readonly processor: string
  /** Release and version of the host's kernel: its KVM's states are not another one's. */
  readonly hostKernel: string
  /** Where unpacked kernels lie; they can be lost without harm. */
  readonly kernels: string
}

/** Firecracker as a VMM, each machine in a jail of its own. */
export function firecrackerVmm(options: FirecrackerOptions): Vmm {
  const { firecracker, processor, hostKernel } = options
  return {
    identity: [firecrackerIdentity(firecracker), 'kvm', processor, hostKernel],
    name: `Firecracker ${firecracker.version}, KVM`,
    async boot(parts, directory, signal) {
      const vmlinux = await kernelFile(options.kernels, parts.kernel)
      const machine = await start(options, { start: 'boot', directory, vmlinux }, { parts, own: directory, signal })
      return completed(machine, async () => {
        await machine.api.send(bootCalls(parts.shape, filesInside))
        return { ...machine, freeze: async () => freeze(machine, directory, parts.shape.memoryBytes) }
      })
    },
    async clone(parts, { template, own }, signal) {
      const from = { start: 'clone', memory: join(template, memoryName), state: join(template, stateName) } as const
      const machine = await start(options, from, { parts, own, signal })
      return completed(machine, async () => {
        await machine.api.send([loadCall(filesInside)])
        return machine
      })
    },
  }
}

interface FirecrackerMachine extends Machine {
  readonly api: Api
}

/** Nothing of a machine is left that could not be completed. */
async function completed<T extends Machine>(machine: Machine, complete: () => Promise<T>): Promise<T> {
  try {
    return await complete()
  } catch (error) {
    await machine.kill()
    throw error
  }
}

async function freeze(machine: FirecrackerMachine, directory: string, memoryBytes: number): Promise<void> {
  try {
    await machine.api.send(freezeCalls(filesInside))
  } finally {
    await machine.kill()
  }
  makeSparse(join(directory, memoryName), memoryBytes)
}

const noFilter =
  'this Firecracker is not linked statically as releases are: it brings no filter of system calls of its own, and has only that of its jail'

interface Surroundings {
  readonly parts: MachineParts
  /** A directory of this machine alone. */
  readonly own: string
  readonly signal: AbortSignal
}

async function start(
  { inside, firecracker }: FirecrackerOptions,
  from: FirecrackerStart,
  { parts, own, signal }: Surroundings,
): Promise<FirecrackerMachine> {
  signal.throwIfAborted()
  const sockets = socketsIn(own)
  const jailed = await orWithout(sockets, async () => {
    const plan = firecrackerJailPlan({ id: `vm-${randomHex(6)}`, firecracker, parts, from, sockets: sockets.path })
    return startJailed(inside, plan)
  })
  const abort = (): void => jailed.end()
  signal.addEventListener('abort', abort, { once: true })
  const log = lastOf()
  const read = jailed.sockets.map(async (stream) => {
    stream.on('error', () => undefined) // its end is all that is to know
    for await (const chunk of stream as AsyncIterable<Buffer>) log.take(chunk)
  })
  let asked = false
  const ended = jailed.ended.then(async (end): Promise<MachineEnd> => {
    await Promise.allSettled(read)
    // A signal leaves them behind.
    sockets.remove()
    return { asked, lastWords: describeEnd(end, untrustedLog(log.text()), asked) }
  })
  // Both ends go when it does: the kernel closes descriptors from below, these before its connections to the guest.
  const over = Promise.all(read).then(() => true)
  const kill = async (): Promise<MachineEnd> => {
    // One that has let go of its output is ending by itself, or was ended by somebody else.
    asked ||= !(await Promise.race([over, setImmediate(false)]))
    abort()
    return ended
  }
  const gone = ended.then(
    ({ lastWords }) => new GloveboxError('NOT_STARTED', `the virtual machine ended: ${lastWords}`),
  )
  try {
    const { pid, receipt } = await jailed.started
    signal.throwIfAborted()
    return {
      connect: async () => connectToGuest(sockets.at(socketNames.vsock)),
      // A guest can end its connection by itself; a Firecracker that is gone has ended in a moment.
      isOver: async () => Promise.race([ended.then(() => true), setTimeout(goneMs, false, { ref: false })]),
      pid,
      receipt,
      ...(!firecracker.hasFilter && { unchecked: noFilter }),
      ended,
      kill,
      api: openApi(sockets.at(socketNames.api), gone),
    }
  } catch (error) {
    await kill()
    throw signal.aborted ? signal.reason : error
  } finally {
    signal.removeEventListener('abort', abort)
  }
}

/** What never ran has no end at which they would be removed. */
async function orWithout<T>(sockets: Sockets, work: () => Promise<T>): Promise<T> {
  try {
    return await work()
  } catch (error) {
    sockets.remove()
    throw error
  }
}

/** Until the launcher of its jail has told of an end, on a busy host. */
const goneMs = 10_000

const socketsName = 'sockets'

interface Sockets {
  readonly path: string
  /** A path to a socket in it that is short, wherever the directory lies: the kernel takes 107 bytes (unix(7)). */
  at(name: string): string
  remove(): void
}

function socketsIn(own: string): Sockets {
  const path = join(own, socketsName)
  mkdirSync(path, { mode: 0o700 })
  const fd = openSync(path, 'r')
  return {
    path,
    at: (name) => `/proc/self/fd/${fd}/${name}`,
    remove() {
      closeSync(fd)
      removeLeft(own, socketsName)
    },
  }
}
