import { basename } from 'node:path'
import { places } from '../system/places.ts'

export interface ProgramOf {
  /** The command itself, or the interpreter on the entry point of the package that it means. */
  readonly command: readonly string[]
  /** Of the package; undefined for any other command. */
  readonly name: string | undefined
}

/**
 * What a command really starts: `npx …`, `uvx …` and their like are replaced by the pinned package. For all other commands
 * nothing is loaded and nothing looked at.
 * @throws GloveboxError
 */
export async function programOf(
  command: readonly string[],
  { cwd, env }: { cwd: string; env: NodeJS.ProcessEnv },
): Promise<ProgramOf> {
  if (!runners.test(basename(command[0] ?? ''))) return { command, name: undefined }
  const { resolveCommand } = await import('./start.ts')
  const resolved = await resolveCommand(command, {
    places: places(env),
    env,
    cwd,
    progress: (line) => void process.stderr.write(`glovebox: ${line}\n`),
  })
  return { command: resolved?.command ?? command, name: resolved?.package?.name.replace(/^@[^/]*\//, '') }
}

/** The programs that `recognise/` knows commands of. */
const runners = /^(npx|npm|pnpx|pnpm|yarn|bunx|bun|uvx|uv|pipx|python[\d.]*|docker|podman)(\.cmd|\.exe)?$/i
