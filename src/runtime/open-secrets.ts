import { readSources } from '../egress/secrets/sources.ts'
import { Secrets } from '../egress/secrets/secrets.ts'
import { GloveboxError, messageOf } from '../errors.ts'
import type { Plan } from '../policy/plan.ts'
import { neverDump } from '../system/never-dump.ts'

export interface OpenedSecrets {
  /** With what stands in the environment of the sandbox for each secret: a placeholder, or the value of an exposed one. */
  readonly plan: Plan
  readonly secrets: Secrets
}

/**
 * Runs a plan with its secrets, which are read the last thing before it is started.
 * @throws GloveboxError when one cannot be had, or would be in the sandbox all the same; what `run` throws, without a value in it
 */
export async function withSecrets<T>(
  plan: Plan,
  host: { readonly env: NodeJS.ProcessEnv; readonly cwd: string },
  run: (opened: OpenedSecrets) => Promise<T>,
): Promise<T> {
  const opened = await openSecrets(plan, host)
  try {
    return await run(opened)
  } catch (error) {
    throw withoutValues(error, opened.secrets)
  }
}

/** `env`: ours. The variables that secrets come from are taken out of it. */
export async function openSecrets(
  plan: Plan,
  host: { readonly env: NodeJS.ProcessEnv; readonly cwd: string },
): Promise<OpenedSecrets> {
  await neverDump()
  const warn = (message: string): void => void process.stderr.write(`glovebox: ${message}\n`)
  const secrets = new Secrets(plan.secrets, await readSources(plan.secrets, { ...host, warn }))
  refuseInCommand(plan, secrets)
  const { command } = plan
  // Copied under another name, or as a part of something: the placeholder stands there too.
  const env = Object.fromEntries(Object.entries(command.env).map(([name, text]) => [name, secrets.masked(text)]))
  return { plan: { ...plan, command: { ...command, env: { ...env, ...secrets.environment() } } }, secrets }
}

/** An argument is in the sandbox, and is seen by every user of this machine besides. */
function refuseInCommand({ command }: Plan, secrets: Secrets): void {
  const name = [command.path, command.cwd, ...command.argv].map((word) => secrets.nameIn(word)).find((found) => found)
  if (name === undefined) return
  throw new GloveboxError('REFUSED', `the command line has the value of the secret ${name} in it`, {
    fix: `let the server take it from the variable ${name}: every user of this machine can read arguments`,
  })
}

/** An error as it may be shown. */
export function withoutValues(error: unknown, secrets: Secrets): unknown {
  if (!(error instanceof Error)) return error
  const code = error instanceof GloveboxError ? error.code : 'INTERNAL'
  const fix = error instanceof GloveboxError && error.fix !== undefined ? secrets.redact(error.fix) : undefined
  return new GloveboxError(code, secrets.redact(messageOf(error)), { fix })
}
