import { GloveboxError } from '../../errors.ts'
import type { Driver, FirecrackerSupport, Support, Wall } from '../driver.ts'
import { probeDriver } from '../launcher/probe.ts'
import { firecrackerIdentity, whereToGetFirecracker } from './firecracker/find.ts'
import { tellingOfFullDisk } from './full-disk.ts'
import { findMicrovmHost } from './host.ts'
import type { MicrovmHost } from './microvm-host.ts'
import { startMicrovm } from './start.ts'
import { guestSilenceMs } from './vmm/guest-silence.ts'
import { inPath } from './vmm/program.ts'
import { mostWorkspaceBytes } from './vmm/shape.ts'

/** A virtual machine for each sandbox, cloned from a template, with the jail around the program inside and around QEMU outside. */
export function createMicrovmDriver(env: NodeJS.ProcessEnv): Driver {
  return {
    name: 'microvm',
    // A guest has no network device.
    dials: 'host',
    silenceMs: guestSilenceMs,
    sendsWorkspace: { mostBytes: mostWorkspaceBytes },
    probe: async (signal) => probe(env, signal),
    // The first machine on a host is booted for seconds.
    tryOut: undefined,
    async provide({ machine, vmm, accel }, signal) {
      await tellingOfFullDisk(findMicrovmHost(env, { mayBuild: 'always', machine, vmm, accel, signal }))
    },
    start: async (plan, options, signal) => tellingOfFullDisk(start(env, plan, options, signal)),
  }
}

async function start(env: NodeJS.ProcessEnv, ...[plan, options, signal]: Parameters<Driver['start']>): Promise<Wall> {
  const { machine, vmm, accel } = plan
  const host = await findMicrovmHost(env, { mayBuild: 'watched', machine, vmm, accel, signal })
  return startMicrovm(host, plan, options, signal)
}

/** As much as a sandbox has by default, so that what is tried is the template that is used. */
const memoryBytes = 256 * 1024 ** 2

/** Says what there is: it builds no image, which is a start's to do. */
async function probe(env: NodeJS.ProcessEnv, signal: AbortSignal): Promise<Support> {
  let host: MicrovmHost
  try {
    host = await findMicrovmHost(env, { mayBuild: 'never', signal })
  } catch (error) {
    if (!(error instanceof GloveboxError) || error.code === 'INTERNAL') throw error
    return { ok: false, reason: error.message, fix: error.fix }
  }
  const start: Driver['start'] = async (plan, options, end) => startMicrovm(host, plan, options, end)
  const support = await probeDriver({ name: 'microvm', start, binary: host.inside.path, memoryBytes }, signal)
  const { accelerator, instead } = host.accelerated
  return support.ok ? { ...support, accelerator: { name: accelerator, ...instead }, ...ofFirecracker(host) } : support
}

function ofFirecracker({ env, firecracker, notFirecracker, vmm }: MicrovmHost): {
  readonly firecracker?: FirecrackerSupport
} {
  if (firecracker === undefined && notFirecracker !== undefined)
    return { firecracker: { version: null, used: false, ...notFirecracker } }
  // One that is there, and that nobody has looked at since another VMM is asked for, is nothing to tell of.
  if (firecracker === undefined && inPath(env, 'firecracker') !== undefined) return {}
  if (firecracker === undefined) return { firecracker: { version: null, used: false, fix: whereToGetFirecracker } }
  const { version, path, hasFilter } = firecracker
  const used = vmm.identity.includes(firecrackerIdentity(firecracker))
  return { firecracker: { version, path, hasFilter, used, ...notFirecracker } }
}
