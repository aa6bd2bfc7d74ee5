import type { Receipt } from '../drivers/driver.ts'
import { describeSecret, type Secret } from '../policy/secrets.ts'
import type { Style } from './style.ts'
import { table } from './table.ts'
import { untrusted } from './untrusted.ts'

/** The receipt as a table for people: one line a control. */
export function renderReceipt(receipt: Receipt, style: Style): string {
  const rows = receipt.enforcements.map((line) => [
    line.enforced ? style.good('yes') : style.bad('NO'),
    line.control,
    line.mechanism,
    style.dim(line.layers.join(', ')) + (line.unchecked === undefined ? '' : ` ${style.warn(line.unchecked)}`),
  ])
  const about = style.dim(
    `glovebox-inside ${receipt.inside}, kernel ${receipt.kernel}, landlock abi ${receipt.landlockAbi}, seccomp sha256:${receipt.seccomp.slice(0, 16)}, host uid ${receipt.hostUid}`,
  )
  return `${table([['', style.bold('control'), style.bold('held by'), style.bold('and also')], ...rows], style.columns)}\n${about}\n`
}

/** Where each secret of the sandbox comes from and goes to, and which are in it: a line each, never a value. */
export function renderSecrets(secrets: readonly Secret[], style: Style): string {
  const rows = secrets.map((secret) => {
    const text = untrusted(describeSecret(secret))
    return ['secret', untrusted(secret.name), secret.exposed ? style.warn(text) : text]
  })
  return rows.length === 0 ? '' : `${table(rows, style.columns)}\n`
}
