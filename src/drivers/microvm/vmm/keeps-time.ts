import type { GloveboxError } from '../../../errors.ts'
import { readInside } from '../../../inside/change-files.ts'
import type { Connection } from '../../../inside/connection.ts'
import { lost, statusOf } from '../../../inside/failure.ts'
import { grpcStatus } from '../../../protocol/inside/grpc.ts'
import { inPatience, type Waited } from '../../../system/patience.ts'
import { guestCaps } from './guest.ts'

/** Of some kilobytes for each processor (Linux, kernel/time/timer_list.c). */
const timers = '/proc/timer_list'
const mostBytes = 2 ** 20

/**
 * Whether a guest's kernel has a timer that is right. Linux measures that of its processor while it boots (calibrate_APIC_clock,
 * arch/x86/kernel/apic/apic.c). Where it was kept from its processor just then, it takes the timer for several times faster than it is,
 * so that all waits are as many times longer, or goes without one: such a guest boots and answers, since its devices wake it, and
 * whatever waits in it for a tick waits for ever. A kernel that does not tell is believed.
 * @param waited how long the guest was kept from its processor
 * @throws GloveboxError
 */
export async function keepsTime(connection: Connection, waited: Waited): Promise<boolean> {
  const late = (): GloveboxError => lost(`it does not tell of its timer within ${guestCaps.callMs / 1000} s`)
  return isRight(await inPatience(listIn(connection), { ms: guestCaps.callMs, waited, late }))
}

/** Empty where there is none. The kernel may be anybody's, and what it tells without an end. */
async function listIn(connection: Connection): Promise<string> {
  const told: Uint8Array[] = []
  let bytes = 0
  try {
    const { chunks, cancel } = await readInside(connection, timers, 0)
    for (let next = await chunks.next(); next.done !== true; next = await chunks.next()) {
      told.push(next.value.data)
      bytes += next.value.data.length
      if (bytes <= mostBytes) continue
      cancel()
      throw lost('its list of timers has no end')
    }
  } catch (error) {
    if (statusOf(error) !== grpcStatus.notFound) throw error
  }
  return Buffer.concat(told).toString('latin1')
}

/** What the local timer counts in a second: a bus of 1 GHz, of which Linux counts each 16th (QEMU, hw/intc/apic.c; KVM, APIC_BUS_CYCLE_NS). */
const hertz = 1e9 / 16
/** Where nothing is in the way it is found within 0.5 %. */
const tolerance = 0.1

/** @param list as /proc/timer_list has it */
export function isRight(list: string): boolean {
  const first = /^Per CPU device: 0\nClock Event Device: (\S+)(?:\n[^\n]+)*?\n mult: +(\d+)\n shift: +(\d+)/m.exec(list)
  if (first === null) return !/^Per CPU device: 0\nClock Event Device: <NULL>/m.test(list)
  const [, name, mult, shift] = first
  // Others are not measured, or against what is known.
  if (name !== 'lapic') return true
  const found = (Number(mult) / 2 ** Number(shift)) * 1e9
  return Math.abs(found / hertz - 1) < tolerance
}
