import { existsSync, realpathSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import { GloveboxError } from '../../errors.ts'
import { replaceFile } from '../../system/replace-file.ts'
import { shellWord } from '../../ui/shell-word.ts'
import type { Places } from '../../system/places.ts'
import { readConfig } from '../file.ts'
import { fileIn, findProjectFile } from '../find.ts'
import { readScopes } from '../scopes.ts'
import { readSource, type Source } from '../source.ts'
import { spellingOf } from '../spelling.ts'
import type { Plain } from '../tree.ts'
import { fingerprint } from '../trust/fingerprint.ts'
import { trustState, writeRecord } from '../trust/record.ts'
import { editText, type Edit } from './edit.ts'

/** A configuration file that is edited, which may not be there yet. */
export interface Target {
  readonly kind: 'project' | 'user' | 'file'
  readonly path: string
}

export interface Edited {
  readonly path: string
  readonly backup: string | undefined
  /** A project that was trusted is, with the change its user has just made. */
  readonly trusted: boolean
}

/** A server as it is written into a file: texts as the user typed them, not the values that they mean. */
export type ServerEntry = Readonly<Record<string, Plain>>

/**
 * Which file an edit belongs to: the one that is named, that of the scope, else the project's if there is one, else the user's.
 * @throws GloveboxError USAGE
 */
export function targetOf(options: {
  cwd: string
  places: Places
  scope: string | undefined
  config: string | undefined
}): Target {
  const { cwd, places, scope, config } = options
  if (config !== undefined) {
    if (scope !== undefined) {
      throw new GloveboxError('USAGE', '--scope and --config both say which file', { fix: 'use one of the two' })
    }
    spellingOf(config)
    const path = resolve(cwd, config)
    // A mistyped path must not become a file that nothing reads.
    if (!existsSync(dirname(path))) {
      throw new GloveboxError('USAGE', `--config ${config}: there is no directory ${dirname(path)}`, {
        fix: `check the path, or: mkdir -p ${shellWord(dirname(path))}`,
      })
    }
    return { kind: 'file', path }
  }
  if (scope !== undefined && scope !== 'project' && scope !== 'user') {
    throw new GloveboxError('USAGE', `--scope ${scope}: there is no such scope`, { fix: 'project or user' })
  }
  const project = findProjectFile(cwd, places.config)
  if (scope === 'project') return { kind: 'project', path: project?.path ?? join(cwd, 'glovebox.json') }
  if (scope === undefined && project !== undefined) return { kind: 'project', path: project.path }
  return { kind: 'user', path: fileIn(places.config)?.path ?? join(places.config, 'glovebox.json') }
}

/**
 * The file that has a server, among those that hold here.
 * @throws GloveboxError USAGE when none has it, or two
 */
export async function targetWith(
  name: string,
  options: { cwd: string; places: Places; scope: string | undefined; config: string | undefined },
): Promise<Target> {
  if (options.scope !== undefined || options.config !== undefined) return targetOf(options)
  const { project, user } = await readScopes(options, undefined)
  const [first, second] = [project, user].filter((scope) => Object.hasOwn(scope?.file.config.mcpServers ?? {}, name))
  if (first === undefined) {
    throw new GloveboxError('USAGE', `there is no server "${name}"`, { fix: 'glovebox list shows all servers' })
  }
  if (second !== undefined) {
    throw new GloveboxError('USAGE', `"${name}" is in the project's configuration and in yours`, {
      fix: 'say which: --scope project, or --scope user',
    })
  }
  return { kind: first.scope.kind, path: first.file.source.path }
}

/**
 * Adds a server to a file, which is made when it is not there.
 * @throws GloveboxError USAGE when the name is taken; POLICY_INVALID when the entry means nothing
 */
export async function addServer(target: Target, name: string, entry: ServerEntry, places: Places): Promise<Edited> {
  const before = existsSync(target.path) ? readSource(target.path) : undefined
  const known = before === undefined ? {} : (await readConfig(before)).config
  if (Object.hasOwn(known.mcpServers ?? {}, name)) {
    throw new GloveboxError('USAGE', `${target.path}: there is a server "${name}" already`, {
      fix: `another name, or: glovebox remove ${name}`,
    })
  }
  return apply(target, before, { kind: 'set', path: ['mcpServers', name], value: entry }, places)
}

/** Takes a server out of a file. */
export async function removeServer(target: Target, name: string, places: Places): Promise<Edited> {
  const before = await requireServer(target, name)
  return apply(target, before, { kind: 'remove', path: ['mcpServers', name] }, places)
}

/** Whether a server can be started. */
export async function setEnabled(target: Target, name: string, enabled: boolean, places: Places): Promise<Edited> {
  const before = await requireServer(target, name)
  const { config } = await readConfig(before)
  // Nothing to write, and no copy of what was there before it.
  if ((config.mcpServers?.[name]?.enabled ?? true) === enabled) {
    return { path: target.path, backup: undefined, trusted: true }
  }
  return apply(target, before, { kind: 'set', path: ['mcpServers', name, 'enabled'], value: enabled }, places)
}

async function requireServer(target: Target, name: string): Promise<Source> {
  const source = existsSync(target.path) ? readSource(target.path) : undefined
  const servers = source === undefined ? {} : ((await readConfig(source)).config.mcpServers ?? {})
  if (source !== undefined && Object.hasOwn(servers, name)) return source
  const names = Object.keys(servers)
  throw new GloveboxError('USAGE', `${target.path}: there is no server "${name}"`, {
    fix: names.length === 0 ? 'glovebox list shows the servers of all files' : `it has ${names.join(', ')}`,
  })
}

async function apply(target: Target, before: Source | undefined, edit: Edit, places: Places): Promise<Edited> {
  return applyEdits(target, before, [edit], places)
}

/**
 * Several changes of one file, as one: all of them or none, with one copy of what was there.
 * @throws GloveboxError when one cannot be made, or the file would mean nothing
 */
export async function applyEdits(
  target: Target,
  before: Source | undefined,
  edits: readonly Edit[],
  places: Places,
): Promise<Edited> {
  let after = before?.text ?? ''
  for (const edit of edits) after = await editText(spellingOf(target.path), after, edit)
  // What is written must be readable: an entry that means nothing is refused with its place in the new text.
  await readConfig({ path: target.path, text: after })
  const directory = dirname(target.path)
  const wasTrusted = target.kind === 'project' && isTrusted(directory, before, places)
  const mode = target.kind === 'user' ? 0o600 : 0o666 & ~process.umask()
  const { backup } = replaceFile(target.path, { before: before?.text, after }, { mode })
  if (wasTrusted) writeRecord(places.state, directory, fingerprint(directory, { path: target.path, text: after }))
  return {
    path: existsSync(target.path) ? realpathSync.native(target.path) : target.path,
    backup,
    trusted: wasTrusted || target.kind !== 'project',
  }
}

/** A configuration that the user begins is theirs, unless profiles are there that they may not have seen. */
function isTrusted(directory: string, before: Source | undefined, places: Places): boolean {
  if (before !== undefined)
    return trustState(places.state, directory, fingerprint(directory, before)).state === 'trusted'
  return fingerprint(directory, { path: join(directory, 'glovebox.json'), text: '' }).files.length === 1
}
