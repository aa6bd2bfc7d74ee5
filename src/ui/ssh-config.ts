/** What `ssh --config` has to tell. */
export interface ShownSshConfig {
  readonly text: string
  readonly hosts: readonly string[]
  /** Where it was written; undefined for that of one sandbox, which is only printed. */
  readonly file: string | undefined
}

export function renderSshConfig(
  { text, hosts, file }: ShownSshConfig,
  { json }: { json: boolean },
): { out: string; err: string } {
  if (json) {
    const shown = { schema: 'glovebox/ssh/1', file: file ?? null, hosts, config: text }
    return { out: `${JSON.stringify(shown)}\n`, err: '' }
  }
  if (file === undefined) return { out: text, err: '' }
  return { out: text, err: `written to ${file}; at the top of ~/.ssh/config, once:\n  Include "${file}"\n` }
}
