import { fstatSync } from 'node:fs'
import { isatty } from 'node:tty'

/** Whether a person sits at both our stdin and our stdout. */
export function onTerminal(): boolean {
  return isatty(0) && isatty(1)
}

/** Whether what we read comes to its end as it is read: a pipe, a socket or a file, and no device. */
export function inputIsStream(): boolean {
  const stat = fstatSync(0)
  return stat.isFIFO() || stat.isSocket() || stat.isFile()
}
