/** Where a value of a policy comes from. */
export interface Origin {
  readonly kind: 'flag' | 'project' | 'user' | 'file' | 'manifest' | 'profile' | 'default'
  /** As a person would look it up: `--memory`, `glovebox.json:12:9`, `node.profile:3`. */
  readonly where: string
}

/** Origins by key: `limits.memory`, `filesystem.read[0]`, `env.TOKEN`. What is not there is the default. */
export type Origins = ReadonlyMap<string, Origin>

export const byDefault: Origin = { kind: 'default', where: 'default' }
