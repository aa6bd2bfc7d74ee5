import type { Command } from 'commander'
import { addEditVerb } from '../config/edit/command.ts'

export function register(program: Command): void {
  addEditVerb(program, {
    name: 'enable',
    summary: 'let a server be started again',
    edit: async (target, server, places) =>
      (await import('../config/edit/servers.ts')).setEnabled(target, server, true, places),
  })
}
