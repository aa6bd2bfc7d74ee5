import type { Command } from 'commander'
import { addEditVerb } from '../config/edit/command.ts'

export function register(program: Command): void {
  addEditVerb(program, {
    name: 'disable',
    summary: 'keep a server from being started',
    edit: async (target, server, places) =>
      (await import('../config/edit/servers.ts')).setEnabled(target, server, false, places),
  })
}
