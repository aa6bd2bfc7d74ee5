import type { Command, CommanderError } from 'commander'
import { nearest } from '../config/schema/nearest.ts'
import { GloveboxError } from '../errors.ts'
import { adviceOn } from './foreign-options.ts'
import { meaningOf } from './foreign-verbs.ts'

/** What commander found wrong with a command line, told as everything else is: what, and what to do about it. */
export function usageOf(error: CommanderError, program: Command, argv: readonly string[]): GloveboxError {
  const [what = '', hint] = error.message.replace(/^error: /, '').split('\n')
  const suggestion = /^\(Did you mean (.*)\?\)$/.exec(hint ?? '')?.[1]
  const option = /^unknown option '(--?[\w-]+)/.exec(what)?.[1]
  const starts = ['run', 'exec', 'launch', 'launch-many', 'test'].includes(argv[0] ?? '')
  const advice = option === undefined || !starts ? undefined : adviceOn(option)
  const help = `${commandOf(program, argv)} --help shows what there is`
  const first = advice ?? (suggestion === undefined ? undefined : `did you mean ${suggestion}?`)
  return new GloveboxError('USAGE', what, {
    fix: first === undefined ? help : `${first}${advice === undefined ? ' ' : '; '}${help}`,
    cause: error,
  })
}

export function unknownVerb(verb: string, verbs: readonly string[]): GloveboxError {
  const near = nearest(verb, verbs)
  const known = meaningOf(verb) ?? (near === undefined ? `one of ${verbs.join(', ')}` : `did you mean ${near}?`)
  return new GloveboxError('USAGE', `"${verb}" is not a command of glovebox`, {
    fix: `${known}; to run a server: glovebox run ${verb} …`,
  })
}

/** The command that the line is for, with all its names. */
function commandOf(program: Command, argv: readonly string[]): string {
  const [word, ...rest] = argv
  const below = program.commands.find((command) => command.name() === word || command.aliases().includes(word ?? ''))
  return below === undefined ? program.name() : `${program.name()} ${commandOf(below, rest)}`
}
