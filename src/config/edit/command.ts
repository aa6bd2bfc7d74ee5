import type { Command } from 'commander'
import type { Places } from '../../system/places.ts'
import type { Edited, Target } from './servers.ts'

interface EditFlags {
  readonly scope?: string
  readonly config?: string
  readonly json?: boolean
}

/** A verb that edits one server which is there, in the file that has it. */
export interface EditVerb {
  readonly name: 'enable' | 'disable' | 'remove'
  readonly summary: string
  /** Loads what it needs: the verbs are registered for `--help` and completion, too. */
  edit(target: Target, server: string, places: Places): Promise<Edited>
}

/** Adds the verb with the options that all of them have. */
export function addEditVerb(program: Command, verb: EditVerb): void {
  program
    .command(verb.name)
    .summary(verb.summary)
    .description('Edits the configuration file, comments and order kept, after a dated copy of it.')
    .argument('<name>', 'a configured server')
    .option('--scope <scope>', 'project or user, when both have a server of that name')
    .option('--config <file>', 'this file')
    .option('--json', 'one JSON document')
    .addHelpText('after', `\nExample:\n  glovebox ${verb.name} files\n`)
    .action((name: string, flags: EditFlags) => run(verb, name, flags))
}

async function run(verb: EditVerb, name: string, { scope, config, json }: EditFlags): Promise<void> {
  const [{ targetWith }, { places: placesOf }, { renderEdit }] = await Promise.all([
    import('./servers.ts'),
    import('../../system/places.ts'),
    import('../../ui/servers.ts'),
  ])
  const places = placesOf(process.env)
  const target = await targetWith(name, { cwd: process.cwd(), places, scope, config })
  process.stdout.write(renderEdit(verb.name, name, await verb.edit(target, name, places), json === true))
}
