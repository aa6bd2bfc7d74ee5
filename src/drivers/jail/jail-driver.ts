import { findInside } from '../../system/native.ts'
import type { Driver } from '../driver.ts'
import { probeJail, tryOutJail } from './probe.ts'
import { startJail } from './start.ts'

/** The kernel jail: namespaces, a tree of read-only binds, Landlock, seccomp and cgroups, put up by glovebox-inside. */
export function createJailDriver(env: NodeJS.ProcessEnv): Driver {
  return {
    name: 'jail',
    dials: 'relay',
    probe: (signal) => probeJail(findInside(env), signal),
    tryOut: (signal) => tryOutJail(findInside(env), signal),
    start: async (plan, options, signal) => startJail(findInside(env), plan, options, signal),
  }
}
