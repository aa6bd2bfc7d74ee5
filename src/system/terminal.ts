import { isatty } from 'node:tty'

/** Whether a person sits at both our stdin and our stdout. */
export function onTerminal(): boolean {
  return isatty(0) && isatty(1)
}
