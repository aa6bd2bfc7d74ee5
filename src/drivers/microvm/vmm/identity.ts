import { randomBytes } from 'node:crypto'
import type { Inside } from '../../../inside/client.ts'
import { guestCalls } from '../../../protocol/inside/v1.ts'

/** As much as the kernel's generator holds, twice. */
const entropyBytes = 64

/**
 * Makes a clone a machine of its own. Every clone of a template wakes up with the very same random generator, clock and names,
 * and would draw the same keys: nothing of a user's runs in it before this call has been answered.
 */
export async function identify(inside: Inside, hostname: string): Promise<void> {
  await inside.connection.unary(guestCalls.identify, {
    entropy: randomBytes(entropyBytes),
    generation: inside.hello.generation + 1,
    unixNs: BigInt(Date.now()) * 1_000_000n,
    hostname,
    machineId: machineId(),
  })
}

/** A random UUID of version 4, as machine-id(5) wants new ones to be. */
function machineId(): Buffer {
  const id = randomBytes(16)
  id[6] = ((id[6] ?? 0) & 0x0f) | 0x40
  id[8] = ((id[8] ?? 0) & 0x3f) | 0x80
  return id
}
