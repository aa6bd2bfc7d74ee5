import { writeFileSync } from 'node:fs'
import { GloveboxError, messageOf } from '../errors.ts'
import { renderReceipt, renderSecrets } from '../ui/receipt.ts'
import { styleFor } from '../ui/style.ts'
import type { Sandbox } from './sandbox.ts'

/**
 * The receipt where the user asked for it: a file as JSON, or `-` for stderr: a table, or JSON for programs. Where it cannot be written, nothing of
 * the sandbox is left when that is told: who asked what holds has not been told it.
 * @throws GloveboxError FAILED when the file cannot be written
 */
export async function giveReceipt(
  { id, plan: { secrets }, wall, exit }: Pick<Sandbox, 'id' | 'plan' | 'wall' | 'exit'>,
  target: string | undefined,
  json: boolean,
): Promise<void> {
  if (target === undefined) return
  const { receipt } = wall
  const given = { schema: 'glovebox/receipt/1', sandbox: id, ...receipt, secrets }
  if (target === '-' && json) {
    process.stderr.write(`${JSON.stringify(given)}\n`)
    return
  }
  if (target === '-') {
    const style = styleFor(process.stderr, process.env)
    process.stderr.write(`${renderReceipt(receipt, style)}${renderSecrets(secrets, style)}`)
    return
  }
  try {
    writeFileSync(target, `${JSON.stringify(given, null, 2)}\n`)
  } catch (cause) {
    await wall.stop(0)
    await exit
    throw new GloveboxError('FAILED', `--receipt ${target}: ${messageOf(cause)}`, {
      cause,
      fix: 'name a file that can be written',
    })
  }
}
