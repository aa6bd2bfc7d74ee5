import { driverNames, hasDriver, loadDriver } from '../drivers/registry.ts'
import type { DriverName, Support } from '../drivers/driver.ts'
import { controls } from '../protocol/controls.ts'
import { untilSignalled } from './signals.ts'

/** What this host can do, driver by driver. */
export interface Examination {
  readonly drivers: readonly { readonly driver: DriverName; readonly support: Support; readonly ms: number }[]
  /** Drivers that this version of Glovebox does not have. */
  readonly absent: readonly DriverName[]
  /** Some driver enforces every control, also limits that were written down. */
  readonly whole: boolean
}

/** The first machine of a host is booted for seconds, and before it perhaps one on a KVM on which it stands still. */
const probeMs = 300_000

/** Probes every driver there is, by doing. A wish to end is waited with until nothing is left of the attempt. @throws Interrupted */
export async function examine(): Promise<Examination> {
  return untilSignalled(examineUntil)
}

async function examineUntil(interrupted: AbortSignal): Promise<Examination> {
  const drivers = []
  for (const driver of driverNames.filter(hasDriver)) {
    const from = performance.now()
    const signal = AbortSignal.any([interrupted, AbortSignal.timeout(probeMs)])
    const support = await (await loadDriver(driver)).probe(signal)
    interrupted.throwIfAborted()
    drivers.push({ driver, support, ms: performance.now() - from })
  }
  const whole = drivers.some(
    ({ support }) => support.ok && support.explicitLimits.ok && support.enforces.length === controls.length,
  )
  return { drivers, absent: driverNames.filter((name) => !hasDriver(name)), whole }
}
