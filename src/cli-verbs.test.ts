import { Command } from 'commander'
import assert from 'node:assert/strict'
import { test } from 'node:test'
import { verbs } from './cli-verbs.ts'

test('The help of every verb, and of every verb below one, has an example of it.', async () => {
  const program = new Command('glovebox').enablePositionalOptions()
  for (const { load, alias } of Object.values(verbs)) if (alias !== true) (await load()).register(program)
  const without: string[] = []
  const look = (command: Command, name: string): void => {
    let help = ''
    command.configureOutput({ writeOut: (text) => (help += text) }).outputHelp()
    if (!new RegExp(`^Examples?:\\n(.*\\n)*.*${name}`, 'm').test(help)) without.push(name)
    for (const below of command.commands) look(below, `${name} ${below.name()}`)
  }
  for (const command of program.commands) look(command, `glovebox ${command.name()}`)
  assert.deepEqual(without, [])
})
