import { GloveboxError } from '../errors.ts'

/** Flags of `exec` that are about a program and not about a new sandbox. */
export interface InsideFlags {
  readonly env?: readonly string[]
  readonly envFile?: readonly string[]
  readonly workdir?: string
  readonly tty?: boolean
  readonly interactive?: boolean
}

const inside: ReadonlySet<string> = new Set(['env', 'workdir', 'tty', 'interactive', 'json'])
const insideOnly = ['workdir', 'tty', 'interactive'] as const

/** `NAME -- CMD…`: a running sandbox and what to run in it. Undefined for a command of its own. */
export function splitTarget(words: readonly string[]): { name: string; command: readonly string[] } | undefined {
  const [name, dashes, ...command] = words
  if (name === undefined || dashes !== '--') return undefined
  if (command.length === 0) {
    throw new GloveboxError('USAGE', `which program in ${name}?`, {
      fix: `glovebox exec ${name} -- COMMAND, or glovebox shell ${name}`,
    })
  }
  return { name, command }
}

/**
 * A sandbox that runs has its policy, and nothing makes it wider: flags for one are an error, not passed over.
 * @throws GloveboxError USAGE
 */
export function refusePolicyFlags(flags: object): void {
  const wrong = given(flags).find((name) => !inside.has(name))
  if (wrong === undefined) return
  throw new GloveboxError('USAGE', `${optionOf(wrong)} is for a new sandbox; one that runs keeps the policy it has`, {
    fix: `leave it out, or start a new sandbox: glovebox exec ${optionOf(wrong)} … -- COMMAND`,
  })
}

/** What it is that a new sandbox has without being told. */
const instead: Readonly<Record<(typeof insideOnly)[number], string>> = {
  tty: 'leave it out: on a terminal a program has one of its own; ',
  interactive: 'leave it out: a program has your stdin; ',
  workdir: 'start it from there: the working directory is kept where it is shown (--read, --write); ',
}

/** @throws GloveboxError USAGE for what only means something with `NAME --` */
export function refuseInsideFlags(flags: InsideFlags): void {
  const wrong = insideOnly.find((name) => flags[name] !== undefined)
  if (wrong === undefined) return
  throw new GloveboxError('USAGE', `${optionOf(wrong)} is for a program in a running sandbox`, {
    fix: `${instead[wrong]}for a running one: glovebox exec NAME -- COMMAND`,
  })
}

/**
 * `K=V`, or `K` alone: ours.
 * @throws GloveboxError USAGE for a variable that is not set here, or has no name
 */
export function variablesOf(given: readonly string[], env: NodeJS.ProcessEnv): string[] {
  return given.map((word) => {
    const name = word.split('=', 1)[0] ?? ''
    if (name === '') throw new GloveboxError('USAGE', `--env ${word}: a variable without a name`)
    if (word.includes('=')) return word
    const value = env[name]
    if (value === undefined) {
      throw new GloveboxError('USAGE', `--env ${name}: it is not set here`, { fix: `write --env ${name}=VALUE` })
    }
    return `${name}=${value}`
  })
}

function given(flags: object): string[] {
  return Object.entries(flags).flatMap(([name, value]) => (value === undefined ? [] : [name]))
}

function optionOf(name: string): string {
  return `--${name.replaceAll(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`
}
