import type { Command } from 'commander'
import { addEditVerb } from '../config/edit/command.ts'

export function register(program: Command): void {
  addEditVerb(program, {
    name: 'remove',
    summary: 'take a server out of the configuration',
    edit: async (target, server, places) =>
      (await import('../config/edit/servers.ts')).removeServer(target, server, places),
  })
}
