import { existsSync } from 'node:fs'
import { GloveboxError } from '../../errors.ts'
import type { Grant } from '../../policy/explain/attempt.ts'
import { readSource, type Source } from '../source.ts'
import { parseSource, spellingOf } from '../spelling.ts'
import { plainOf, spellPath, type Plain } from '../tree.ts'
import { editText, type Edit } from './edit.ts'
import type { Target } from './servers.ts'

/** A change of a configuration that is not made yet: to be shown first. */
export interface Proposal {
  readonly before: Source
  readonly after: string
  readonly edits: readonly Edit[]
}

/** Lists of which the strongest layer has the last word: one that is begun here replaces what a profile says. */
export interface Inherited {
  readonly exec: readonly string[] | null
  readonly tools: readonly string[]
}

/**
 * What a file would be with these grants for one of its servers.
 * @throws GloveboxError where a grant changes nothing, since the server then already has what it was refused
 */
export async function proposeGrants(
  target: Target,
  name: string,
  grants: readonly Grant[],
  inherited: Inherited,
): Promise<Proposal> {
  if (!existsSync(target.path)) throw noServer(target, name)
  const before = readSource(target.path)
  let text = before.text
  const edits: Edit[] = []
  for (const grant of grants) {
    const root = plainOf(await parseSource({ path: target.path, text }))
    if (valueAt(root, ['mcpServers', name]) === undefined) throw noServer(target, name)
    const edit = editOf(grant, ['mcpServers', name, 'sandbox', ...grant.key], root, { target, inherited })
    text = await editText(spellingOf(target.path), text, edit)
    edits.push(edit)
  }
  return { before, after: text, edits }
}

function editOf(
  grant: Grant,
  path: readonly string[],
  root: Plain,
  { target, inherited }: { target: Target; inherited: Inherited },
): Edit {
  if (grant.how === 'set') return { kind: 'set', path, value: grant.value }
  const { how, key, value } = grant
  const own = valueAt(root, path)
  const list = Array.isArray(own) ? (own as Plain[]) : how === 'add' ? begun(grant, inherited) : []
  if (how === 'remove') {
    if (!list.includes(value)) throw changesNothing(target, `${spellPath(key)} has no "${value}" here`)
    return { kind: 'set', path, value: list.filter((item) => item !== value) }
  }
  if (list.includes(value)) throw changesNothing(target, `${spellPath(key)} has "${value}" already`)
  return { kind: 'set', path, value: [...list, value] }
}

/** What a list begins with that the file does not have. */
function begun({ key, value }: Grant, { exec, tools }: Inherited): readonly Plain[] {
  const word = key.join('.')
  if (word === 'tools.allow') return tools
  if (word !== 'exec') return []
  if (exec !== null) return exec
  throw new GloveboxError(
    'USAGE',
    `its configuration lets it execute every program that it is shown, ${String(value)} too`,
    {
      fix: 'the list was one of --exec flags: add it there',
    },
  )
}

function valueAt(root: Plain, path: readonly string[]): Plain | undefined {
  return path.reduce<Plain | undefined>(
    (at, key) =>
      typeof at === 'object' && at !== null && Object.hasOwn(at, key) ? (at as Record<string, Plain>)[key] : undefined,
    root,
  )
}

function changesNothing({ path }: Target, what: string): GloveboxError {
  return new GloveboxError('USAGE', `${path}: ${what}`, {
    fix: 'a server that runs keeps the policy that it was started with: start it again',
  })
}

function noServer({ path }: Target, name: string): GloveboxError {
  return new GloveboxError('USAGE', `${path}: there is no server "${name}" to change`, {
    fix: 'it was started by a command line: add the flag there',
  })
}
