import { presets } from '../../policy/network/presets.ts'

/** The presets of the network as a Markdown table for the documentation. */
export function presetTable(): string {
  const rows = Object.entries(presets).map(([name, { about, hosts }]) => {
    return `| \`preset:${name}\` | ${about} | ${hosts.map((host) => `\`${host}\``).join(', ')} |`
  })
  return ['| preset | for | names |', '|---|---|---|', ...rows].join('\n')
}
