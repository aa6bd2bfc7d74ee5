import { GloveboxError } from '../../errors.ts'
import { findInside } from '../../system/native.ts'
import type { Driver, Support } from '../driver.ts'
import { probeDriver } from '../launcher/probe.ts'
import { findMicrovmHost } from './host.ts'
import { startMicrovm } from './start.ts'
import { mostWorkspaceBytes } from './vmm/shape.ts'

/** A virtual machine for each sandbox, cloned from a template, with the jail around the program inside and around QEMU outside. */
export function createMicrovmDriver(env: NodeJS.ProcessEnv): Driver {
  const start: Driver['start'] = async (plan, options, signal) =>
    startMicrovm(await findMicrovmHost(env), plan, options, signal)
  return {
    name: 'microvm',
    // A guest has no network device.
    dials: 'host',
    sendsWorkspace: { mostBytes: mostWorkspaceBytes },
    probe: async (signal) => probe(env, start, signal),
    // The first machine on a host is booted for seconds.
    tryOut: undefined,
    start,
  }
}

/** As much as a sandbox has by default, so that what is tried is the template that is used. */
const memoryBytes = 256 * 1024 ** 2

async function probe(env: NodeJS.ProcessEnv, start: Driver['start'], signal: AbortSignal): Promise<Support> {
  try {
    await findMicrovmHost(env)
  } catch (error) {
    if (!(error instanceof GloveboxError) || error.code === 'INTERNAL') throw error
    return { ok: false, reason: error.message, fix: error.fix }
  }
  return probeDriver({ name: 'microvm', start, binary: findInside(env), memoryBytes }, signal)
}
