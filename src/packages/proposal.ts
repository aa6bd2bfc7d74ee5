import type { Plain } from '../config/tree.ts'

/** A value that has to come from the user before a server can be written down. */
export interface Ask {
  readonly name: string
  readonly about: string
  readonly required: boolean
  /** Never written into a file: the variable of that name is copied at each start. */
  readonly secret: boolean
  readonly default?: string
  readonly choices?: readonly string[]
}

/** A server out of a registry or a bundle, as it would stand in a configuration. */
export interface Proposal {
  /** A short name for it. */
  readonly name: string
  readonly entry: Readonly<Record<string, Plain>>
  /** What was understood, refused or left out, for a person to read before it is written. */
  readonly notes: readonly string[]
}

/** Values by the name of what is asked. */
export type Values = ReadonlyMap<string, string>

/** `io.github.user/weather-server` → `weather-server`. */
export function shortName(name: string): string {
  const last = name.slice(name.lastIndexOf('/') + 1)
  return (
    last
      .replaceAll(/[^A-Za-z0-9._-]+/g, '-')
      .replace(/^[^A-Za-z0-9]+/, '')
      .slice(0, 64) || 'server'
  )
}
