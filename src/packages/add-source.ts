import { GloveboxError } from '../errors.ts'
import type { Plain } from '../config/tree.ts'
import { fillEntry } from './catalog/entry.ts'
import { findEntry } from './catalog/load.ts'
import type { Ask, Proposal, Values } from './proposal.ts'
import type { Store } from './store/store.ts'

/** Where `add` takes a server from, when it is not given its command. */
export interface AddSource {
  readonly registry?: string
  readonly bundle?: string
  readonly sha256?: string
  readonly url?: string
  /** A name of the catalogue. */
  readonly from?: string
  readonly set?: readonly string[]
}

export interface AddSurroundings {
  readonly store: Store
  readonly env: NodeJS.ProcessEnv
  readonly cwd: string
  /** Whether these words start something here. */
  readonly isCommand: (words: readonly string[]) => boolean
  /** Asks a person; undefined without a terminal. */
  readonly ask: ((asked: Ask) => Promise<string | undefined>) | undefined
}

/**
 * The server that a source means; undefined when a command is to be added. `words` are the parameters of a catalogue entry, which a name
 * of the catalogue alone means too, before words that are no command.
 * @throws GloveboxError USAGE when two sources are named, or a value is missing
 */
export async function proposalFrom(
  name: string,
  words: readonly string[],
  source: AddSource,
  surroundings: AddSurroundings,
): Promise<Proposal | undefined> {
  const { registry, bundle, url, sha256 } = source
  const from = source.from ?? (findEntry(name) !== undefined && !surroundings.isCommand(words) ? name : undefined)
  const named = Object.entries({ registry, bundle, url, from: source.from }).filter(([, value]) => value !== undefined)
  if (named.length > 1) {
    throw new GloveboxError('USAGE', `--${named.map(([key]) => key).join(' and --')} each say what to add`, {
      fix: 'use one',
    })
  }
  if (sha256 !== undefined && bundle === undefined) {
    throw new GloveboxError('USAGE', '--sha256 is the hash of a bundle', { fix: 'write --bundle FILE too' })
  }
  if (words.length > 0 && named.length === 1 && source.from === undefined) {
    throw new GloveboxError('USAGE', `a command and --${named[0]?.[0]} both say what to add`, { fix: 'use one' })
  }
  const given = valuesOf(source.set ?? [])
  if (url !== undefined) return remote(name, url)
  if (registry !== undefined) {
    const [{ serverFrom }, { proposeServer, questionsOf, statedRegistry }] = await Promise.all([
      import('./registry/fetch.ts'),
      import('./registry/propose.ts'),
    ])
    const { server, notes } = await serverFrom(registry, surroundings.env)
    const stated = statedRegistry(server)
    if (stated !== undefined) await (await import('./registry/used-here.ts')).requireUsedHere(stated, surroundings.env)
    const values = await asked(questionsOf(server), given, surroundings)
    const proposal = proposeServer(server, values)
    return { ...proposal, notes: [...notes, ...proposal.notes] }
  }
  if (bundle !== undefined) {
    const { installBundle } = await import('./bundle/install.ts')
    const { questions, propose } = await installBundle(surroundings.store, bundle, sha256)
    return propose(await asked(questions, given, surroundings))
  }
  if (from === undefined) return undefined
  return inCatalog(from, words, surroundings)
}

function valuesOf(items: readonly string[]): Map<string, string> {
  return new Map(
    items.map((item) => {
      const at = item.indexOf('=')
      if (at > 0) return [item.slice(0, at), item.slice(at + 1)]
      throw new GloveboxError('USAGE', `--set ${item}: there is no "="`, { fix: 'write --set NAME=VALUE' })
    }),
  )
}

/** What was not given is asked for, where there is somebody to ask; secrets never are: they are not written down. */
async function asked(questions: readonly Ask[], given: Map<string, string>, { ask }: AddSurroundings): Promise<Values> {
  const unknown = [...given.keys()].find((name) => !questions.some((question) => question.name === name))
  if (unknown !== undefined) {
    throw new GloveboxError('USAGE', `--set ${unknown}: nothing of that name is asked for`, {
      fix: `it asks for ${questions.map(({ name }) => name).join(', ') || 'nothing'}`,
    })
  }
  for (const question of questions) {
    if (question.secret || given.has(question.name) || ask === undefined) continue
    const value = await ask(question)
    if (value !== undefined && value !== '') given.set(question.name, value)
  }
  return given
}

function remote(name: string, url: string): Proposal {
  if (!URL.canParse(url) || !/^https?:$/.test(new URL(url).protocol))
    throw new GloveboxError('USAGE', `--url ${url}: not an http or https address`, {
      fix: 'such as https://example.org/mcp',
    })
  return { name, entry: { type: 'http', url }, notes: [] }
}

function inCatalog(from: string, words: readonly string[], { cwd }: AddSurroundings): Proposal {
  const entry = findEntry(from)
  if (entry === undefined) {
    throw new GloveboxError('USAGE', `the catalogue has no "${from}"`, {
      fix: 'glovebox catalog list shows its names',
    })
  }
  const { command, env, spelled } = fillEntry(entry, words, { cwd, has: () => true, verb: 'add' })
  const copied = Object.fromEntries(
    (entry.variables ?? []).map((variable) => [variable.name, `\${env:${variable.name}}`]),
  )
  const [program = '', ...args] = command
  const variables = { ...env, ...copied }
  return {
    name: entry.name,
    entry: {
      command: program,
      args,
      ...(Object.keys(variables).length > 0 && { env: variables }),
      sandbox: JSON.parse(JSON.stringify(spelled)) as Plain,
    },
    notes: (entry.variables ?? []).map((variable) => `set ${variable.name} before a start: ${variable.about}`),
  }
}

/** What the flags say, over what the source says: lists of paths and hosts grow, everything else is the flags'. */
export function overlay(
  proposed: Readonly<Record<string, Plain>>,
  flagged: Readonly<Record<string, Plain>>,
): Record<string, Plain> {
  const sandbox = merge(proposed['sandbox'] ?? {}, flagged['sandbox'] ?? {})
  const env = merge(proposed['env'] ?? {}, flagged['env'] ?? {})
  return {
    ...proposed,
    ...(flagged['enabled'] !== undefined && { enabled: flagged['enabled'] }),
    ...(Object.keys(env as object).length > 0 && { env }),
    ...(Object.keys(sandbox as object).length > 0 && { sandbox }),
  }
}

function merge(below: Plain, above: Plain): Plain {
  if (isList(below) && isList(above)) return [...new Set([...below, ...above])]
  if (!isTable(below) || !isTable(above)) return above
  const merged: Record<string, Plain> = {}
  for (const key of new Set([...Object.keys(below), ...Object.keys(above)])) {
    const [lower, upper] = [below[key], above[key]]
    merged[key] = lower === undefined ? (upper ?? null) : upper === undefined ? lower : merge(lower, upper)
  }
  return merged
}

function isList(value: Plain): value is readonly Plain[] {
  return Array.isArray(value)
}

function isTable(value: Plain): value is { readonly [key: string]: Plain | undefined } {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}
