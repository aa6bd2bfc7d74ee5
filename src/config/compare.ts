import type { Policy } from '../policy/policy.ts'
import type { Origins } from './layers/origin.ts'
import { findServer } from './servers.ts'

/** One side of a comparison: a configured server, or `FILE#NAME`. */
export async function policyNamed(
  operand: string,
  options: { cwd: string; env: NodeJS.ProcessEnv },
): Promise<{ policy: Policy; origins: Origins }> {
  const at = operand.lastIndexOf('#')
  const [name, config] = at < 0 ? [operand, undefined] : [operand.slice(at + 1), operand.slice(0, at)]
  return findServer(name, { ...options, config, copiesNothing: true })
}
