import { existsSync } from 'node:fs'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import { setTimeout as delay } from 'node:timers/promises'
import { GloveboxError } from '../../../errors.ts'
import type { JailPlan } from '../../../protocol/jail-plan.ts'
import { randomHex } from '../../../system/random-hex.ts'
import { waitedBy, type Waited } from '../../../system/patience.ts'
import type { Architecture } from '../architecture.ts'
import { startJailed } from '../vmm/jailed.ts'
import type { Machine, MachineEnd, MachineParts, Vmm } from '../vmm/machine.ts'
import { memoryName, stateName } from '../vmm/taken.ts'
import type { Accelerator } from './command-line.ts'
import { commandLine, consoleBytes, consoleName, cpuModel } from './command-line.ts'
import type { Qemu } from './find.ts'
import { memoryOf } from './memory.ts'
import { filesInside, qemuJailPlan, stateInside, type QemuStart } from './jail-plan.ts'
import { untrusted } from '../../../ui/untrusted.ts'
import { openQmp, type Qmp } from './qmp.ts'

export interface QemuOptions {
  /** Path of glovebox-inside. */
  readonly inside: string
  readonly qemu: Qemu
  readonly architecture: Architecture
  readonly accelerator: Accelerator
  readonly tscKhz: number | undefined
  /** What names the host's processor, for accelerators that show it to the guest. */
  readonly processor: string
  /** Release of the host's kernel: what of the processor its KVM hands on, and in which state, is its doing. */
  readonly hostKernel: string
}

/** QEMU as a VMM, each machine in a jail of its own. */
export function qemuVmm(options: QemuOptions): Vmm {
  const { qemu, architecture, accelerator, processor, hostKernel, tscKhz } = options
  const machine = async (from: QemuStart, parts: MachineParts, signal: AbortSignal) => {
    const args = commandLine({
      architecture,
      accelerator,
      shape: parts.shape,
      files: filesInside,
      start: from.start,
      readOnlyMemory: qemu.readOnlyMemory,
      tscKhz,
      denySpawn: from.start === 'clone',
    })
    const plan = qemuJailPlan({ id: `vm-${randomHex(6)}`, qemu, args, parts, from, accelerator })
    return startQemu(options.inside, plan, from.start === 'clone' ? from.state : undefined, signal)
  }
  return {
    identity: [
      `qemu ${qemu.version}`,
      accelerator,
      cpuModel({ architecture, accelerator }),
      ...(accelerator === 'tcg' ? [String(tscKhz)] : [processor, hostKernel]),
    ],
    name: `QEMU ${qemu.version}, ${accelerator === 'tcg' ? 'software emulation' : accelerator.toUpperCase()}`,
    async boot(parts, directory, signal) {
      const booted = await machine({ start: 'boot', directory }, parts, signal)
      return { ...booted, freeze: async () => freeze(booted, join(directory, stateName)) }
    },
    async clone(parts, { template, own }, signal) {
      const { path: memory, isShared } = memoryOf(qemu, join(template, memoryName), own)
      const clone = await machine({ start: 'clone', memory, state: join(template, stateName) }, parts, signal)
      try {
        // Without waiting in between: QEMU takes them in order.
        await Promise.all([
          clone.qmp.execute('migrate-set-capabilities', capability('x-ignore-shared')),
          clone.qmp.execute('migrate-incoming', { uri: 'fd:0' }),
        ])
        return isShared ? { ...clone, unchecked: sharedMemory } : clone
      } catch (error) {
        await clone.kill()
        throw error
      }
    },
  }
}

const sharedMemory =
  'QEMU before 8.2 can write to the memory file, which other machines of this template share: this file system cannot give each its own'

/** The memory stays in its file: the state has only what is not memory. */
function capability(name: string): Readonly<Record<string, unknown>> {
  return { capabilities: [{ capability: name, state: true }] }
}

/** A state is some 60 KB. Whoever else wants this template waits for it. */
const freezeMs = 60_000

type Freezing = Pick<QemuMachine, 'migrated' | 'ended' | 'kill'> & { readonly qmp: Pick<Qmp, 'execute'> }

/** Takes a name only when all of it is there: QEMU says "completed" when it has written, and the shell's end of the pipe may hold all of it still. */
const writing = `exec:cat > ${stateInside}.part && mv ${stateInside}.part ${stateInside}`

/**
 * The machine runs until its state is written, since a state remembers whether it ran; it never runs again.
 * @param state where the state is, on the host
 */
export async function freeze(machine: Freezing, state: string, limitMs: number = freezeMs): Promise<void> {
  const { qmp, migrated, ended } = machine
  const gone = ended.then(({ lastWords }): never => {
    throw new GloveboxError('NOT_STARTED', `QEMU ended while its state was written: ${lastWords}`)
  })
  gone.catch(() => undefined) // thrown by the race below, or QEMU's own answer is
  await Promise.all([
    qmp.execute('migrate-set-capabilities', capability('x-ignore-shared')),
    qmp.execute('migrate-set-capabilities', capability('events')),
    qmp.execute('migrate', { uri: writing }),
  ])
  const late = AbortSignal.timeout(limitMs)
  const given = new Promise<string>((resolve) => {
    late.addEventListener('abort', () => resolve('it took too long'), { once: true })
  })
  const written = migrated.then(async (status) => (status === 'completed' ? whenThere(state, late) : status))
  const status = await Promise.race([written, gone, given])
  await machine.kill()
  if (status !== 'completed') throw new GloveboxError('NOT_STARTED', `QEMU: the state was not written (${status})`)
}

/** A name appears without a word to us: looking again is all there is, for some milliseconds. */
async function whenThere(path: string, late: AbortSignal): Promise<string> {
  while (!existsSync(path)) {
    if (late.aborted) return 'it took too long'
    await delay(2)
  }
  return 'completed'
}

interface QemuMachine extends Machine {
  readonly qmp: Qmp
  /** How writing a state ended: `completed`, `failed`. */
  readonly migrated: Promise<string>
}

async function startQemu(
  binary: string,
  plan: JailPlan,
  state: string | undefined,
  signal: AbortSignal,
): Promise<QemuMachine> {
  signal.throwIfAborted()
  const jailed = await startJailed(binary, plan, state)
  const abort = (): void => jailed.end()
  signal.addEventListener('abort', abort, { once: true })
  const [transport, monitor] = jailed.sockets
  // Told by the end of the machine.
  transport.on('error', () => undefined)
  const migrated = Promise.withResolvers<string>()
  let asked = false
  let console = ''
  let waited: Waited | undefined
  const onEvent = (event: string, data: Readonly<Record<string, unknown>>): void => {
    if (event === 'MIGRATION' && isFinal(data['status'])) migrated.resolve(data['status'])
    // It stands still now, so that its console can be read.
    if (event === 'SHUTDOWN' && !asked)
      void lastOfConsole(qmp)
        .then((text) => (console = text))
        .finally(abort)
  }
  const qmp = openQmp(monitor, onEvent, () => waited?.() ?? 0)
  const ended = jailed.ended.then(async ({ words }): Promise<MachineEnd> => {
    await qmp.closed
    const said = [...words, qmp.complaints(), console].filter((each) => each !== '')
    return { asked, lastWords: said.join('\n').trim() }
  })
  const kill = async (): Promise<MachineEnd> => {
    // One that has let go of its port is ending by itself, or was ended by somebody else.
    asked ||= !transport.destroyed
    abort()
    return ended
  }
  try {
    const { pid, receipt } = await jailed.started
    waited = waitedBy(pid)
    signal.throwIfAborted()
    // A port knows no connections: there is this one.
    const connect = async (): Promise<Duplex> => transport
    // QEMU holds the other end as long as it is there.
    const isOver = async (): Promise<boolean> => transport.destroyed
    return { connect, isOver, pid, receipt, ended, kill, qmp, migrated: migrated.promise }
  } catch (error) {
    await kill()
    throw signal.aborted ? signal.reason : error
  } finally {
    signal.removeEventListener('abort', abort)
  }
}

function isFinal(status: unknown): status is string {
  return status === 'completed' || status === 'failed' || status === 'cancelled'
}

/** Empty where QEMU does not tell: then its own complaints have to do. */
async function lastOfConsole(qmp: Qmp): Promise<string> {
  try {
    const text = await qmp.execute('ringbuf-read', { device: consoleName, size: consoleBytes })
    if (typeof text !== 'string') return ''
    const lines = text.split('\n').slice(-lastLines)
    return lines.map((line) => untrusted(line.trimEnd())).join('\n')
  } catch {
    return '' // it is gone already, and `ended` says so
  }
}

/** A panic says why before it shows where. */
const lastLines = 40
