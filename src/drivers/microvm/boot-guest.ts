import { readdirSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { GloveboxError } from '../../errors.ts'
import type { Inside } from '../../inside/client.ts'
import { waitedBy } from '../../system/patience.ts'
import { bootPatience, enterGuest } from './vmm/guest.ts'
import { keepsTime } from './vmm/keeps-time.ts'
import { killOn } from './vmm/kill-on.ts'
import type { BootedMachine, MachineParts, Vmm } from './vmm/machine.ts'

/** A host that is so busy for so long starts nothing in time either. */
const boots = 3

/**
 * A machine that was booted, whose inside answers and whose kernel keeps time. One that does not is booted anew: all clones of a
 * template would be as it is.
 * @param directory for `memory`, and what the VMM needs besides
 * @throws GloveboxError NOT_STARTED, HOST_CANNOT for a timer, or the reason of the abort; nothing is left of the machine then
 */
export async function bootGuest(
  vmm: Vmm,
  parts: MachineParts,
  directory: string,
  signal: AbortSignal,
): Promise<{ readonly machine: BootedMachine; readonly inside: Inside }> {
  for (let boot = 1; boot <= boots; boot++) {
    const machine = await vmm.boot(parts, directory, signal)
    const unheard = killOn(signal, machine)
    try {
      const inside = await enterGuest(machine, bootPatience)
      if (await keepsTime(inside.connection, waitedBy(machine.pid))) return { machine, inside }
    } catch (error) {
      await machine.kill()
      throw signal.aborted ? signal.reason : error
    } finally {
      unheard()
    }
    await machine.kill()
    for (const name of readdirSync(directory)) rmSync(join(directory, name), { recursive: true })
  }
  throw new GloveboxError(
    'HOST_CANNOT',
    `the virtual machine has no timer that is right, in ${boots} boots: its kernel measures it while it boots, and this host kept it from its processor then`,
    { fix: 'try again when the host is less busy' },
  )
}
