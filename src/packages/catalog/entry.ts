import { dirname, resolve } from 'node:path'
import { GloveboxError } from '../../errors.ts'
import type { Plain } from '../../config/tree.ts'

/** One file of `catalog/`: a server with a pinned version and the smallest policy that it was seen to work with. */
export interface CatalogEntry {
  readonly name: string
  readonly title: string
  /** As a client has it; `{name}` and `{name...}` stand for parameters. */
  readonly command: readonly string[]
  readonly parameters?: readonly Parameter[]
  readonly env?: Readonly<Record<string, string>>
  /** Variables that it needs from its user. */
  readonly variables?: readonly Variable[]
  readonly sandbox: SpelledSandbox
  readonly check: Check
}

/** The keys of a sandbox that an entry may have, spelled as in a configuration. */
export interface SpelledSandbox {
  readonly [key: string]: Plain | undefined
  readonly filesystem?: { readonly read?: readonly string[]; readonly write?: readonly string[] }
  readonly network?: { readonly allow: readonly string[] }
  readonly exec?: readonly string[]
  readonly limits?: Readonly<Record<string, string | number>>
  readonly tools?: { readonly allow?: readonly string[]; readonly deny?: readonly string[] }
}

export interface Parameter {
  readonly name: string
  /** A path is shown to the sandbox; of a file that may be written its directory, for what is written beside it. */
  readonly kind: 'text' | 'file' | 'directory'
  readonly access?: 'read' | 'write'
  readonly about: string
  readonly repeat?: boolean
  readonly default?: string
}

export interface Variable {
  readonly name: string
  readonly about: string
  readonly secret?: boolean
  readonly required?: boolean
}

/** How its test starts it, and what has to come back. */
export interface Check {
  /** `{scratch}` is an empty directory, `{repository}` one with a repository in it. */
  readonly parameters?: readonly string[]
  /** Tools that have to be there. */
  readonly tools: readonly string[]
  /** One call that needs no network, and a text that has to be in its result. */
  readonly call?: { readonly name: string; readonly arguments: Readonly<Record<string, unknown>> }
  readonly answer?: string
}

/** An entry with its parameters put in: what a configuration would say. */
export interface CatalogServer {
  readonly name: string
  readonly command: readonly string[]
  readonly env: Readonly<Record<string, string>>
  /** The policy as a configuration spells it. */
  readonly spelled: SpelledSandbox
  readonly missing: readonly Variable[]
}

/**
 * Puts the words behind a catalogue name into its entry.
 * @throws GloveboxError USAGE naming the parameter that is missing, or the word that is too much
 */
export function fillEntry(
  entry: CatalogEntry,
  words: readonly string[],
  { cwd, has, verb = 'run' }: { cwd: string; has: (variable: string) => boolean; verb?: 'run' | 'add' },
): CatalogServer {
  const values = takeParameters(entry, words, { cwd, fix: usageOf(entry, verb) })
  const paths = (entry.parameters ?? []).filter(({ kind }) => kind !== 'text')
  const shown = (access: 'read' | 'write'): string[] =>
    paths
      .filter((parameter) => (parameter.access ?? 'read') === access)
      .flatMap(({ name, kind }) =>
        (values.get(name) ?? []).map((path) => (kind === 'file' && access === 'write' ? dirname(path) : path)),
      )
  const [read, write] = [shown('read'), shown('write')]
  const { filesystem } = entry.sandbox
  return {
    name: entry.name,
    command: entry.command.flatMap((word) => fill(word, values)),
    env: Object.fromEntries(
      Object.entries(entry.env ?? {}).map(([name, text]) => [name, fill(text, values).join(' ')]),
    ),
    spelled: {
      ...entry.sandbox,
      ...(read.length + write.length > 0 && {
        filesystem: {
          ...filesystem,
          read: [...(filesystem?.read ?? []), ...read],
          write: [...(filesystem?.write ?? []), ...write],
        },
      }),
    },
    missing: (entry.variables ?? []).filter(({ name, required }) => required === true && !has(name)),
  }
}

function takeParameters(
  entry: CatalogEntry,
  words: readonly string[],
  { cwd, fix }: { cwd: string; fix: string },
): Map<string, string[]> {
  const values = new Map<string, string[]>()
  const left = [...words]
  for (const { name, kind, repeat, about, default: otherwise } of entry.parameters ?? []) {
    const taken = left.splice(0, repeat === true ? left.length : 1)
    const texts = taken.length > 0 ? taken : otherwise === undefined ? [] : [otherwise]
    if (texts.length === 0) {
      throw new GloveboxError('USAGE', `${entry.name}: ${name} is missing: ${about}`, { fix })
    }
    values.set(name, kind === 'text' ? texts : texts.map((path) => resolve(cwd, path)))
  }
  if (left.length > 0) {
    throw new GloveboxError('USAGE', `${entry.name}: "${left[0]}" is more than it takes`, { fix })
  }
  return values
}

/** `glovebox run filesystem DIRECTORIES...` */
export function usageOf({ name, parameters = [] }: CatalogEntry, verb: 'run' | 'add' = 'run'): string {
  const words = parameters.map((parameter) => {
    const word = `${parameter.name.toUpperCase()}${parameter.repeat === true ? '...' : ''}`
    return parameter.default === undefined ? word : `[${word}]`
  })
  return ['glovebox', verb, name, ...words].join(' ')
}

/** `{name...}` becomes as many words as there are; `{name}` stands anywhere in a word. */
function fill(word: string, values: ReadonlyMap<string, readonly string[]>): readonly string[] {
  const list = /^\{(\w+)\.\.\.\}$/.exec(word)?.[1]
  if (list !== undefined) return values.get(list) ?? []
  return [word.replaceAll(/\{(\w+)\}/g, (all, name: string) => values.get(name)?.[0] ?? all)]
}
