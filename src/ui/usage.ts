import type { Command, CommanderError } from 'commander'
import { nearest } from '../config/schema/nearest.ts'
import { GloveboxError } from '../errors.ts'

/** What commander found wrong with a command line, told as everything else is: what, and what to do about it. */
export function usageOf(error: CommanderError, program: Command, argv: readonly string[]): GloveboxError {
  const [what = '', hint] = error.message.replace(/^error: /, '').split('\n')
  const suggestion = /^\(Did you mean (.*)\?\)$/.exec(hint ?? '')?.[1]
  const help = `${commandOf(program, argv)} --help shows what there is`
  return new GloveboxError('USAGE', what, {
    fix: suggestion === undefined ? help : `did you mean ${suggestion}? ${help}`,
    cause: error,
  })
}

export function unknownVerb(verb: string, verbs: readonly string[]): GloveboxError {
  const near = nearest(verb, verbs)
  return new GloveboxError('USAGE', `"${verb}" is not a command of glovebox`, {
    fix: `${near === undefined ? `one of ${verbs.join(', ')}` : `did you mean ${near}?`}; to run a server: glovebox run ${verb} …`,
  })
}

/** The command that the line is for, with all its names. */
function commandOf(program: Command, argv: readonly string[]): string {
  const [word, ...rest] = argv
  const below = program.commands.find((command) => command.name() === word || command.aliases().includes(word ?? ''))
  return below === undefined ? program.name() : `${program.name()} ${commandOf(below, rest)}`
}
