import { existsSync } from 'node:fs'
import { isAbsolute, resolve } from 'node:path'
import type { Command } from 'commander'
import { addPolicyFlags, type PolicyFlags } from '../config/policy-flags.ts'
import { GloveboxError } from '../errors.ts'
import type { AddSource, AddSurroundings } from '../packages/add-source.ts'
import type { Places } from '../system/places.ts'
import { shellWord } from '../ui/shell-word.ts'

interface AddFlags extends PolicyFlags, AddSource {
  readonly scope?: string
  readonly config?: string
  readonly profile?: string
  readonly disabled?: boolean
  readonly install: boolean
  readonly json?: boolean
}

export function register(program: Command): void {
  const command = program
    .command('add')
    .summary('add a server to the configuration')
    .description(
      'Writes a server with its policy into the project’s configuration if there is one, else into yours. Nothing is started.',
    )
    .argument('<name>', 'what the server is called')
    .argument('[command...]', 'the server and its arguments, behind --; with --from its parameters')
    .option('--from <name>', 'a server of the catalogue; the name itself when it is one')
    .option('--registry <id>', 'a server of the MCP registry, such as io.github.user/server, or its server.json')
    .option('--bundle <file>', 'a .mcpb file')
    .option('--sha256 <hash>', 'what the bundle has to be')
    .option('--url <address>', 'a server that runs elsewhere')
    .option('--set <name=value>', 'a value that the registry or the bundle asks for (repeat)', collect)
    .option('--scope <scope>', 'project or user')
    .option('--config <file>', 'this file')
    .option('--profile <name>', 'start from this profile instead of the one that suits the command')
    .option('--no-install', 'let the first start install what it needs')
    .option('--disabled', 'add it without letting it be started')
    .option('--json', 'one JSON document')
  addPolicyFlags(command)
  command
    .addHelpText(
      'after',
      `
Examples:
  glovebox add files --read ~/notes -- npx -y @modelcontextprotocol/server-filesystem ~/notes
  glovebox add git ~/work/project --from git
  glovebox add weather --registry io.github.user/weather --set UNITS=metric
  glovebox add gitlab --scope user --env GITLAB_TOKEN --allow-net preset:gitlab -- uvx gitlab-mcp

--env NAME is written as "\${env:NAME}": the value is copied at each start and never stands in the file.`,
    )
    .action(add)
}

async function add(name: string, words: string[], flags: AddFlags): Promise<void> {
  const [{ addServer, targetOf }, { entryOf }, { places: placesOf }, { renderEdit }, path] = await Promise.all([
    import('../config/edit/servers.ts'),
    import('../config/edit/entry.ts'),
    import('../system/places.ts'),
    import('../ui/servers.ts'),
    import('node:path'),
  ])
  const places = placesOf(process.env)
  const cwd = process.cwd()
  requireName(name, words)
  const { scope, config } = flags
  const target = targetOf({ cwd, places, scope, config })
  const base = target.kind === 'user' ? undefined : path.dirname(target.path)
  const { proposalFrom, overlay } = await import('../packages/add-source.ts')
  const proposal = await proposalFrom(name, words, flags, await surroundings(places, cwd))
  for (const note of proposal?.notes ?? []) process.stderr.write(`glovebox: ${note}\n`)
  const command = proposal === undefined ? requireCommand(words) : words
  const flagged = entryOf(command, flags, { cwd, base })
  const entry = proposal === undefined ? flagged : overlay(proposal.entry, flagged)
  const edited = await addServer(target, name, entry, places)
  process.stdout.write(renderEdit('add', name, edited, flags.json === true))
  if (flags.install) await installAhead(entry, places)
  if (flags.json !== true && flags.disabled !== true) {
    if (target.kind === 'user') tellRelative(command, cwd)
    await tellHindrances(name, edited.path, cwd)
  }
}

/** `add -- node server.js`: what stands behind the dashes is a command, and its first word no name. */
function requireName(name: string, words: readonly string[]): void {
  const at = process.argv.indexOf('--')
  if (at === -1 || process.argv[at + 1] !== name || process.argv.length !== at + 2 + words.length) return
  throw new GloveboxError('USAGE', 'add: the server has no name', {
    fix: `write one before the dashes: glovebox add NAME -- ${[name, ...words].map(shellWord).join(' ')}`,
  })
}

/** A server of the user's is started from anywhere, and relative paths among its words mean something else each time. */
function tellRelative(command: readonly string[], cwd: string): void {
  for (const word of command) {
    if (word.startsWith('-') || isAbsolute(word) || !/[/.]/.test(word) || !existsSync(resolve(cwd, word))) continue
    process.stderr.write(
      `glovebox: "${word}" is looked up from wherever the server is started: write ${resolve(cwd, word)} for it to be this one\n`,
    )
  }
}

async function tellHindrances(name: string, file: string, cwd: string): Promise<void> {
  const [{ hindrances }, { renderHindrances }, { styleFor }] = await Promise.all([
    import('../runtime/hindrances.ts'),
    import('../ui/policy.ts'),
    import('../ui/style.ts'),
  ])
  const found = await hindrances(file, { env: process.env, cwd, only: [name] })
  process.stderr.write(renderHindrances(found, styleFor(process.stderr, process.env)))
}

const collect = (value: string, before: readonly string[] | undefined): string[] => [...(before ?? []), value]

async function surroundings({ data }: Places, cwd: string): Promise<AddSurroundings> {
  const [{ storeIn }, { recognise }, { isProgram }] = await Promise.all([
    import('../packages/store/store.ts'),
    import('../packages/recognise/recognise.ts'),
    import('../runtime/inspect/program.ts'),
  ])
  const isCommand = (words: readonly string[]): boolean =>
    words[0] !== undefined && (recognise(words) !== undefined || isProgram(words[0], cwd, process.env['PATH']))
  const ask = process.stdin.isTTY ? (await import('../ui/ask.ts')).askOnTerminal : undefined
  return { store: storeIn(data), env: process.env, cwd, isCommand, ask }
}

/** Clients give up on a server after 10 s: what its start needs is there before the first one. */
async function installAhead(entry: Readonly<Record<string, unknown>>, { data }: Places): Promise<void> {
  const { command, args } = entry as { command?: string; args?: readonly string[] }
  const { recognise } = await import('../packages/recognise/recognise.ts')
  const recognised = recognise([command ?? '', ...(args ?? [])])
  if (recognised?.kind !== 'package' || recognised.onlyPinned === true) return
  const [{ ensureInstalled }, { storeIn }, { messageOf }] = await Promise.all([
    import('../packages/install.ts'),
    import('../packages/store/store.ts'),
    import('../errors.ts'),
  ])
  const progress = (line: string): void => void process.stderr.write(`glovebox: ${line}\n`)
  try {
    await ensureInstalled(recognised.request, { store: storeIn(data), env: process.env, offline: false, progress })
  } catch (error) {
    // The server is written down and right; its first start will try again and say the same.
    progress(`it could not be installed ahead: ${messageOf(error)}`)
  }
}

function requireCommand(words: readonly string[]): readonly string[] {
  if (words.length > 0) return words
  throw new GloveboxError('USAGE', 'add: it is not said what to add', {
    fix: 'a command behind --, or --from, --registry, --bundle or --url; glovebox catalog list shows short names',
  })
}
