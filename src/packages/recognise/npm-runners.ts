import { GloveboxError } from '../../errors.ts'
import type { PackageCommand } from '../package-command.ts'
import { parseNpmSpec } from '../npm/spec.ts'
import { ignore, ignoreValue, readOptions, refuse, value, type Meaning } from './options.ts'

const shellCall = refuse('it hands a string to a shell', 'write the command and its arguments as words')
const otherRegistry = refuse(
  'the registry is part of what is pinned',
  'set it in .npmrc, where installing finds it with its token',
)
const workspaces = refuse(
  'a workspace is a project of yours, not a package',
  'start its script with node, and show the project with --read',
)

const npmTable: Readonly<Record<string, Meaning>> = {
  ...spelled(ignore, '-y --yes -q --quiet -s --silent --no-install --ignore-existing --prefer-online --prefer-offline'),
  ...spelled(ignore, '--offline --no-update-notifier --no-fund --no-audit --ignore-scripts -d -dd -ddd --verbose'),
  ...spelled(ignoreValue, '--loglevel --cache'),
  ...spelled(value('package'), '-p --package'),
  ...spelled(shellCall, '-c --call'),
  ...spelled(otherRegistry, '--registry'),
  ...spelled(workspaces, '-w --workspace --workspaces -ws'),
}

const pnpmTable: Readonly<Record<string, Meaning>> = {
  ...spelled(ignore, '-s --silent --prefer-offline --offline --ignore-scripts'),
  ...spelled(ignoreValue, '--reporter --loglevel'),
  ...spelled(value('package'), '--package'),
  ...spelled(shellCall, '-c --shell-mode'),
  ...spelled(otherRegistry, '--registry'),
  ...spelled(refuse('install scripts are allowed by us, by name', 'write --allow-scripts NAME'), '--allow-build'),
}

const yarnTable: Readonly<Record<string, Meaning>> = {
  ...spelled(ignore, '-q --quiet'),
  ...spelled(value('package'), '-p --package'),
}

const bunTable: Readonly<Record<string, Meaning>> = {
  ...spelled(ignore, '--verbose --silent --no-install -y'),
  ...spelled(value('package'), '-p --package'),
  ...spelled(refuse('packages are started with Node', 'leave it out'), '--bun'),
}

function spelled(meaning: Meaning, names: string): Record<string, Meaning> {
  return Object.fromEntries(names.split(' ').map((name) => [name, meaning]))
}

/** `npx`, `npm exec`, `pnpm dlx`, `yarn dlx`, `bunx` and their aliases; undefined for any other use of these programs. */
export function recogniseNpm(program: string, words: readonly string[]): PackageCommand | undefined {
  const [verb = '', ...rest] = words
  if (program === 'npx') return understood('npx', words, npmTable)
  if (program === 'npm' && (verb === 'exec' || verb === 'x')) {
    // npm takes its own options anywhere before `--` (npm-exec(1)).
    return understood(`npm ${verb}`, rest, npmTable, { anywhere: true })
  }
  if (program === 'pnpx') return understood('pnpx', words, pnpmTable)
  if (program === 'pnpm') {
    const at = words.indexOf('dlx')
    const before = words.slice(0, Math.max(at, 0))
    if (at < 0 || before.some((word) => !word.startsWith('-'))) return undefined
    return understood('pnpm dlx', [...before, ...words.slice(at + 1)], pnpmTable)
  }
  if (program === 'yarn' && verb === 'dlx') return understood('yarn dlx', rest, yarnTable)
  if (program === 'bunx') return understood('bunx', words, bunTable)
  if (program === 'bun' && verb === 'x') return understood('bun x', rest, bunTable)
  return undefined
}

function understood(
  runner: string,
  words: readonly string[],
  table: Readonly<Record<string, Meaning>>,
  where: { anywhere?: boolean } = {},
): PackageCommand {
  const { found, ignored, rest } = readOptions(runner, words, table, where)
  const packages = found.get('package') ?? []
  const [first, ...args] = rest
  if (first === undefined) {
    throw new GloveboxError('USAGE', `${runner}: it is not said what to run`, { fix: `write ${runner} PACKAGE` })
  }
  const specs = (packages.length > 0 ? packages : [first]).map((text) => parseNpmSpec(text))
  const isBare = packages.length === 0 && /^[^@/]+$/.test(first)
  return {
    kind: 'package',
    runner,
    request: { ecosystem: 'npm', packages: specs.map(({ name, range }) => (range === '' ? name : `${name}@${range}`)) },
    entry: { kind: 'executable', name: packages.length > 0 ? first : undefined },
    args,
    ignored: ignored.filter((name) => !harmless.has(name)),
    ...(isBare && { localName: first }),
  }
}

/** Options that ask for what we do anyway. */
const harmless: ReadonlySet<string> = new Set(
  '-y --yes -q --quiet -s --silent --no-update-notifier --no-fund --no-audit --ignore-scripts --offline --prefer-offline --loglevel --reporter'.split(
    ' ',
  ),
)
