import { writeFileSync } from 'node:fs'
import type { Receipt } from '../drivers/driver.ts'
import { GloveboxError, messageOf } from '../errors.ts'
import type { Secret } from '../policy/secrets.ts'
import { renderReceipt, renderSecrets } from '../ui/receipt.ts'
import { styleFor } from '../ui/style.ts'

/**
 * The receipt where the user asked for it: a file as JSON, or `-` for a table on stderr.
 * @throws GloveboxError FAILED when the file cannot be written
 */
export function giveReceipt(
  receipt: Receipt,
  target: string | undefined,
  { sandbox, secrets }: { readonly sandbox: string; readonly secrets: readonly Secret[] },
): void {
  if (target === undefined) return
  if (target === '-') {
    const style = styleFor(process.stderr, process.env)
    process.stderr.write(`${renderReceipt(receipt, style)}${renderSecrets(secrets, style)}`)
    return
  }
  try {
    writeFileSync(
      target,
      `${JSON.stringify({ schema: 'glovebox/receipt/1', sandbox, ...receipt, secrets }, null, 2)}\n`,
    )
  } catch (cause) {
    throw new GloveboxError('FAILED', `--receipt ${target}: ${messageOf(cause)}`, {
      cause,
      fix: 'name a file that can be written',
    })
  }
}
