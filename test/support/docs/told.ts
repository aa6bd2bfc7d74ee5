import { Command } from 'commander'
import { verbs as loaders } from '../../../src/cli-verbs.ts'
import { examplesOf, textOf } from './pages.ts'

/** A command line of ours as a page writes it, in a sentence or in an example. */
export interface Mention {
  readonly page: string
  readonly text: string
}

/** Every verb as the program registers it. */
export async function allVerbs(): Promise<readonly Command[]> {
  const program = new Command('glovebox').enablePositionalOptions()
  for (const verb of Object.values(loaders)) if (verb.alias !== true) (await verb.load()).register(program)
  return program.commands
}

/** Every `glovebox …` of a page. */
export function mentionsOf(page: string): Mention[] {
  const fenced = examplesOf(page).flatMap(({ body }) => body.split('\n'))
  const inline = [...textOf(page).matchAll(/`([^`\n]+)`/g)].map(([, text = '']) => text)
  return [...fenced, ...inline].flatMap((text) => {
    const found = /^(?:\$ )?(?:sudo )?(glovebox [a-z].*)$/.exec(text.trim())?.[1]
    // docs/audit.md has the text that a chain begins with, which is no command.
    return found === undefined || found === 'glovebox audit chain 1' ? [] : [{ page, text: found }]
  })
}

/** What of a mention no verb has: a verb below it, or an option. Undefined: all of it is there. */
export function unknownIn({ text }: Mention, verbs: readonly Command[]): string | undefined {
  const [own = ''] = text.split(/ -- | # /)
  const [, name = '', ...words] = own.split(/\s+/)
  const verb = verbs.find((each) => each.name() === name || each.aliases().includes(name))
  if (verb === undefined) return name
  const [first = ''] = words
  const isVerb = verb.commands.length > 0 && /^[a-z]+$/.test(first)
  const below = verb.commands.find((each) => each.name() === first)
  if (isVerb && below === undefined) return first
  const known = new Set([...(below ?? verb).options.map(({ long }) => long), '--help'])
  return words
    .filter((word) => /^--[a-z]/.test(word))
    .map((word) => word.replace(/[=,;:.)].*$/, ''))
    .find((option) => !known.has(option) && !known.has(option.replace(/^--/, '--no-')))
}

/** Every verb with what is below it, as it is typed. */
export function spelled(verbs: readonly Command[], before: string = ''): string[] {
  return verbs.flatMap((verb) =>
    verb.commands.length === 0 ? [`${before}${verb.name()}`] : spelled(verb.commands, `${before}${verb.name()} `),
  )
}
