import type { Keeper } from '../guard/ask-desk.ts'
import type { Grant } from '../policy/explain/attempt.ts'
import type { Places } from '../system/places.ts'
import { proposeGrants } from './edit/grant.ts'
import { applyEdits, type Target } from './edit/servers.ts'

/** Writes an "always" to the server that was asked for it, into the file that has it. */
export function keeperFor(server: { readonly name: string; readonly target: Target }, places: Places): Keeper {
  const { name, target } = server
  return {
    lineFor: ({ name: host, port }) =>
      `"network": { "allow": ["${wordFor(host, port)}"] } to "${name}" in ${target.path}.`,
    async keep({ name: host, port }) {
      const grant: Grant = { how: 'add', key: ['network', 'allow'], value: wordFor(host, port) }
      // Neither list is touched by this grant.
      const { before, edits } = await proposeGrants(target, name, [grant], { exec: null, tools: [] })
      await applyEdits(target, before, edits, places)
    },
  }
}

function wordFor(host: string, port: number): string {
  return port === 443 ? host : `${host}:${port}`
}
