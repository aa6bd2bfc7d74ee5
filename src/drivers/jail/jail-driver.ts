import { findInside } from '../../system/native.ts'
import type { Driver } from '../driver.ts'
import { probeDriver, tryOutDriver, type Candidate } from '../launcher/probe.ts'
import { startJail } from './start.ts'

/** The kernel jail: namespaces, a tree of read-only binds, Landlock, seccomp and cgroups, put up by glovebox-inside. */
export function createJailDriver(env: NodeJS.ProcessEnv): Driver {
  const start: Driver['start'] = async (plan, options, signal) => startJail(findInside(env), plan, options, signal)
  const candidate = (): Candidate => ({ name: 'jail', start, binary: findInside(env), memoryBytes: 128 * 1024 ** 2 })
  return {
    name: 'jail',
    dials: 'relay',
    probe: (signal) => probeDriver(candidate(), signal),
    tryOut: (signal) => tryOutDriver(candidate(), signal),
    start,
  }
}
