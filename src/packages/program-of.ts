import { existsSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { places } from '../system/places.ts'

export interface LockFlags {
  readonly lock?: string
  readonly frozen?: boolean
  /** Only a plan is wanted: nothing is installed for it. */
  readonly dryRun?: boolean
}

export interface ProgramOf {
  /** The command itself, or the interpreter on the entry point of the package that it means. */
  readonly command: readonly string[]
  /** Of the package; undefined for any other command. */
  readonly name: string | undefined
  /** To be awaited before anything of it runs: throws when the package is not what was installed. */
  readonly verify: (() => Promise<void>) | undefined
}

/**
 * What a command really starts: `npx …`, `uvx …` and their like are replaced by the pinned package. For all other commands
 * nothing is loaded and nothing looked at.
 * @throws GloveboxError; for a plan FAILED, with the line that installs the package, when it is not installed
 */
export async function programOf(
  command: readonly string[],
  { cwd, env, flags = {} }: { cwd: string; env: NodeJS.ProcessEnv; flags?: LockFlags | undefined },
): Promise<ProgramOf> {
  const bundle = bundleKey(command, env)
  if (bundle !== undefined) return { command, name: undefined, verify: await bundleVerifier(bundle, env) }
  if (!isRunner(command)) return { command, name: undefined, verify: undefined }
  const { resolveCommand } = await import('./start.ts')
  const lock = lockFor(flags, cwd)
  const resolved = await resolveCommand(command, {
    ...(lock !== undefined && { lock }),
    installs: flags.dryRun !== true,
    places: places(env),
    env,
    cwd,
    progress: (line) => void process.stderr.write(`glovebox: ${line}\n`),
  })
  return {
    command: resolved?.command ?? command,
    name: resolved?.package?.name.replace(/^@[^/]*\//, ''),
    verify: resolved?.verify,
  }
}

/** The same for words that were resolved before: what of them is in the store is verified, whatever the runner would resolve to now. */
export async function verifierFor(
  words: readonly string[],
  env: NodeJS.ProcessEnv,
): Promise<(() => Promise<void>) | undefined> {
  const key = bundleKey(words, env)
  return key === undefined ? undefined : bundleVerifier(key, env)
}

/** The lock file that is named, or for `--frozen` the nearest one. A project's lock counts only when it is asked for. */
function lockFor({ lock, frozen = false }: LockFlags, cwd: string): { path: string; frozen: boolean } | undefined {
  if (lock !== undefined) return { path: resolve(cwd, lock), frozen }
  if (!frozen) return undefined
  for (let directory = cwd; ; directory = dirname(directory)) {
    const path = join(directory, 'glovebox.lock')
    if (existsSync(path)) return { path, frozen }
    // The one that there would be.
    if (directory === dirname(directory)) return { path: join(cwd, 'glovebox.lock'), frozen }
  }
}

/** What `add --bundle` wrote down names its files in the store: they are verified like any package's. */
function bundleKey(command: readonly string[], env: NodeJS.ProcessEnv): string | undefined {
  const packages = join(places(env).data, 'store', 'packages', '/')
  return command
    .find((text) => text.startsWith(packages))
    ?.slice(packages.length)
    .split('/')[0]
}

async function bundleVerifier(key: string, env: NodeJS.ProcessEnv): Promise<() => Promise<void>> {
  const [{ readRecord }, { storeIn }, { verifyBeforeStart }, { GloveboxError }] = await Promise.all([
    import('./store/record.ts'),
    import('./store/store.ts'),
    import('./store/verify.ts'),
    import('../errors.ts'),
  ])
  const store = storeIn(places(env).data)
  const record = readRecord(store, key)
  if (record !== undefined) return () => verifyBeforeStart(store, record)
  throw new GloveboxError('NOT_FOUND', `${key} is not in the store any more`, {
    fix: 'add the server again: glovebox add NAME --bundle FILE',
  })
}

function isRunner([program = '', first]: readonly string[]): boolean {
  const name = basename(program)
  return runners.test(name) && (!name.startsWith('python') || first === '-m')
}

/** The programs that `recognise/` knows commands of. */
const runners = /^(npx|npm|pnpx|pnpm|yarn|bunx|bun|uvx|uv|pipx|python[\d.]*|docker|podman)(\.cmd|\.exe)?$/i
