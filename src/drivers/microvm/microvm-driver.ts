import { GloveboxError } from '../../errors.ts'
import type { Driver, FirecrackerSupport, Support } from '../driver.ts'
import { probeDriver } from '../launcher/probe.ts'
import { firecrackerIdentity, whereToGetFirecracker } from './firecracker/find.ts'
import { findMicrovmHost } from './host.ts'
import type { MicrovmHost } from './microvm-host.ts'
import { startMicrovm } from './start.ts'
import { inPath } from './vmm/program.ts'
import { mostWorkspaceBytes } from './vmm/shape.ts'

/** A virtual machine for each sandbox, cloned from a template, with the jail around the program inside and around QEMU outside. */
export function createMicrovmDriver(env: NodeJS.ProcessEnv): Driver {
  return {
    name: 'microvm',
    // A guest has no network device.
    dials: 'host',
    sendsWorkspace: { mostBytes: mostWorkspaceBytes },
    probe: async (signal) => probe(env, signal),
    // The first machine on a host is booted for seconds.
    tryOut: undefined,
    start: async (plan, options, signal) =>
      startMicrovm(
        await findMicrovmHost(env, { mayBuild: true, machine: plan.machine, vmm: plan.vmm, signal }),
        plan,
        options,
        signal,
      ),
  }
}

/** As much as a sandbox has by default, so that what is tried is the template that is used. */
const memoryBytes = 256 * 1024 ** 2

/** Says what there is: it builds no image, which is a start's to do. */
async function probe(env: NodeJS.ProcessEnv, signal: AbortSignal): Promise<Support> {
  let host: MicrovmHost
  try {
    host = await findMicrovmHost(env, { mayBuild: false, signal })
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
  // One that is there, and that nobody has looked at since another VMM is asked for, is nothing to tell of.
  if (firecracker === undefined && inPath(env, 'firecracker') !== undefined) return {}
  if (firecracker === undefined) return { firecracker: { version: null, used: false, fix: whereToGetFirecracker } }
  const { version, path, hasFilter } = firecracker
  const used = vmm.identity.includes(firecrackerIdentity(firecracker))
  return { firecracker: { version, path, hasFilter, used, ...notFirecracker } }
}
