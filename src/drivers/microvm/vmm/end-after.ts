import { GloveboxError } from '../../../errors.ts'
import type { Machine, MachineEnd } from './machine.ts'

/**
 * Ends a machine because of `error`. What is lost is lost because the machine ends, or ends because it is lost: one that is ending by
 * itself says why only at its end, some hundred milliseconds after its connections, and is let come to it.
 */
export async function endAfter(machine: Pick<Machine, 'isOver' | 'kill'>, error: unknown): Promise<MachineEnd> {
  if (error instanceof GloveboxError && error.code === 'CHANNEL_LOST') await machine.isOver()
  return machine.kill()
}
