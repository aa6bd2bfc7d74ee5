import type { Start } from '../../config/start.ts'
import type { Plain } from '../../config/tree.ts'
import { GloveboxError } from '../../errors.ts'
import type { Grant } from '../../policy/explain/attempt.ts'
import type { Item, Learned } from '../../policy/learn/learned.ts'
import type { Lesson } from '../../runtime/learn/learn.ts'
import type { LearnFlags } from './learn.ts'

/** Writes what was learned to where it was asked for, and says on stderr what it is worth. */
export async function giveLesson(lesson: Lesson, start: Start, flags: LearnFlags): Promise<void> {
  const { learned, rounds, complete, exitCode } = lesson
  const [{ renderSandbox, flagLine, flagsOf }, entry] = await Promise.all([
    import('../../ui/learned.ts'),
    entryFor(start, flags),
  ])
  const given = (entry['sandbox'] ?? {}) as Readonly<Record<string, Plain>>
  const name = flags.save ?? start.name ?? nameOf(start.command)
  if (flags.output !== undefined)
    await writeFile(flags.output, name, entry, renderSandbox({ given, learned }, '      '))
  const saved = flags.save === undefined ? undefined : await save(flags.save, learned, entry, flags)
  if (flags.json === true) {
    const document = {
      schema: 'glovebox/policy-learn/1',
      name,
      rounds,
      complete,
      exitCode,
      ...listsOf(learned),
      flags: flagsOf(learned),
      notGiven: learned.notGiven.map(({ what, why, askers }) => ({ what, why, askers: Object.fromEntries(askers) })),
      file: saved?.path ?? flags.output ?? null,
      backup: saved?.backup ?? null,
    }
    process.stdout.write(`${JSON.stringify(document)}\n`)
  } else if (flags.output === undefined && flags.save === undefined) {
    process.stdout.write(`${renderSandbox({ given, learned })}\n`)
  }
  const tell = (line: string): void => void process.stderr.write(`glovebox: ${line}\n`)
  tell(
    complete
      ? `round ${rounds.length} asked for nothing new (exit code ${exitCode})`
      : `round ${rounds.length} still asked for something new (exit code ${exitCode}): it may want more once it has that`,
  )
  const line = flagLine(learned)
  if (line !== '') tell(`as flags: ${line}`)
  const kept = learned.notGiven.length
  if (kept === 1) tell('1 thing that it asked for is not given; the policy has it as a comment')
  if (kept > 1) tell(`${kept} things that it asked for are not given; the policy has them as comments`)
}

function listsOf({ read, write, exec, connect }: Learned): Record<string, object[]> {
  const list = (items: readonly Item[]): object[] =>
    items.map(({ value, askers, entries }) => ({ value, askers: Object.fromEntries(askers), entries: entries ?? 1 }))
  return { read: list(read), write: list(write), exec: list(exec), allow: list(connect) }
}

/** The server as it is configured, or as `add` would write it. */
async function entryFor(start: Start, flags: LearnFlags): Promise<Readonly<Record<string, Plain>>> {
  if (start.server !== undefined) {
    const [{ readSource }, { parseSource }, { plainOf }] = await Promise.all([
      import('../../config/source.ts'),
      import('../../config/spelling.ts'),
      import('../../config/tree.ts'),
    ])
    const root = plainOf(await parseSource(readSource(start.server.file))) as { mcpServers?: Record<string, Plain> }
    return (root.mcpServers?.[start.server.name] ?? {}) as Readonly<Record<string, Plain>>
  }
  const { entryOf } = await import('../../config/edit/entry.ts')
  return entryOf(start.command, flags, { cwd: process.cwd(), base: undefined })
}

function nameOf(command: readonly string[]): string {
  return (command[0] ?? '').split('/').at(-1) ?? ''
}

/** A whole configuration, so that it can be started as it is: `run --config FILE NAME`. */
async function writeFile(
  path: string,
  name: string,
  entry: Readonly<Record<string, Plain>>,
  sandbox: string,
): Promise<void> {
  const { createFile } = await import('../../system/create-file.ts')
  const { sandbox: _given, ...rest } = entry
  const members = Object.entries(rest).map(([key, value]) => `      ${JSON.stringify(key)}: ${JSON.stringify(value)}`)
  const server = [...members, `      "sandbox": ${sandbox}`].join(',\n')
  createFile(path, `{\n  "mcpServers": {\n    ${JSON.stringify(name)}: {\n${server}\n    }\n  }\n}\n`)
}

async function save(name: string, learned: Learned, entry: Readonly<Record<string, Plain>>, flags: LearnFlags) {
  const [edit, { proposeGrants }, { findServer }, { places: placesOf }, { agree }, { existsSync }] = await Promise.all([
    import('../../config/edit/servers.ts'),
    import('../../config/edit/grant.ts'),
    import('../../config/servers.ts'),
    import('../../system/places.ts'),
    import('./agree.ts'),
    import('node:fs'),
  ])
  const [cwd, places] = [process.cwd(), placesOf(process.env)]
  const { scope, config } = flags
  const known = await hasServer(name, { cwd, config })
  if (!known) {
    const target = edit.targetOf({ cwd, places, scope, config })
    const sandbox = withLists((entry['sandbox'] ?? {}) as Readonly<Record<string, Plain>>, learned)
    const fresh = { ...entry, sandbox }
    const { readSource } = await import('../../config/source.ts')
    const { editText } = await import('../../config/edit/edit.ts')
    const { spellingOf } = await import('../../config/spelling.ts')
    const before = existsSync(target.path) ? readSource(target.path).text : ''
    const after = await editText(spellingOf(target.path), before, {
      kind: 'set',
      path: ['mcpServers', name],
      value: fresh,
    })
    if (!(await agree({ path: target.path, before, after }, flags.yes === true))) return undefined
    return edit.addServer(target, name, fresh, places)
  }
  const target = await edit.targetWith(name, { cwd, places, scope, config })
  const { policy } = await findServer(name, { cwd, env: process.env, config: target.path, copiesNothing: true })
  const grants = grantsOf(learned, policy)
  if (grants.length === 0) return undefined
  const proposal = await proposeGrants(target, name, grants, { exec: policy.exec, tools: policy.tools.allow })
  if (!(await agree({ path: target.path, before: proposal.before.text, after: proposal.after }, flags.yes === true)))
    return undefined
  return edit.applyEdits(target, proposal.before, proposal.edits, places)
}

async function hasServer(name: string, { cwd, config }: { cwd: string; config: string | undefined }): Promise<boolean> {
  const [{ readScopes }, { places }] = await Promise.all([
    import('../../config/scopes.ts'),
    import('../../system/places.ts'),
  ])
  const { project, user, named } = await readScopes({ cwd, places: places(process.env) }, config)
  return [project, user, named].some((scope) => Object.hasOwn(scope?.file.config.mcpServers ?? {}, name))
}

function grantsOf(
  { read, write, exec, connect }: Learned,
  policy: { readonly exec: readonly string[] | null },
): Grant[] {
  const add = (key: readonly string[], items: readonly Item[]): Grant[] =>
    items.map(({ value }) => ({ how: 'add', key, value }))
  return [
    ...add(['filesystem', 'read'], read),
    ...add(['filesystem', 'write'], write),
    ...add(['network', 'allow'], connect),
    ...(policy.exec === null
      ? [{ how: 'set', key: ['exec'], value: exec.map(({ value }) => value) } as const]
      : add(['exec'], exec)),
  ]
}

function withLists(
  given: Readonly<Record<string, Plain>>,
  { read, write, exec, connect }: Learned,
): Record<string, Plain> {
  const part = (key: string): Readonly<Record<string, Plain>> => (given[key] ?? {}) as Readonly<Record<string, Plain>>
  const joined = (before: Plain | undefined, items: readonly Item[]): Plain => [
    ...(Array.isArray(before) ? (before as Plain[]) : []),
    ...items.map(({ value }) => value),
  ]
  const [filesystem, network] = [part('filesystem'), part('network')]
  if (given['exec'] !== undefined && !Array.isArray(given['exec'])) {
    throw new GloveboxError('INTERNAL', 'the list of programs is no list')
  }
  return {
    ...given,
    filesystem: { ...filesystem, read: joined(filesystem['read'], read), write: joined(filesystem['write'], write) },
    network: { ...network, allow: joined(network['allow'], connect) },
    exec: joined(given['exec'], exec),
  }
}
