import { mkdirSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { readArguments } from './arguments.ts'
import type { Case, Figure } from './case.ts'
import { calls } from './cases/calls.ts'
import { channel } from './cases/channel.ts'
import { density } from './cases/density.ts'
import { egress } from './cases/egress.ts'
import { help } from './cases/help.ts'
import { initialize } from './cases/initialize.ts'
import { launch } from './cases/launch.ts'
import { messages } from './cases/messages.ts'
import { microvm } from './cases/microvm.ts'
import { packages } from './cases/packages.ts'
import { start } from './cases/start.ts'
import { template } from './cases/template.ts'
import { prepared } from './installed.ts'
import { commit, machine, root } from './machine.ts'
import { reportOf } from './report.ts'
import { asOrdinaryUser } from './twice.ts'

/** `npm run bench -- [CASE…] [--runs 200] [--save]`: the figures, each beside its baseline of the same run (`--help`). */
const cases: Readonly<Record<string, Case>> = {
  start,
  initialize,
  launch,
  microvm,
  template,
  packages,
  calls,
  messages,
  channel,
  egress,
  help,
  density,
}
/** Hundreds of machines at once: only where it is asked for. */
const onlyNamed: ReadonlySet<string> = new Set(['density'])

const asked = readArguments(process.argv.slice(2), Object.keys(cases))
if ('say' in asked) {
  if (asked.code === 0) process.stdout.write(asked.say)
  else process.stderr.write(asked.say)
  process.exit(asked.code)
}
const { runs, json } = asked

using program = prepared(asked.clone)
const figures: Figure[] = []
const usual = Object.keys(cases).filter((name) => !onlyNamed.has(name))
for (const name of asked.cases.length > 0 ? asked.cases : usual) {
  figures.push(...(await measured(name)))
}
if (json) process.stdout.write(`${JSON.stringify(figures)}\n`)
if (asked.save) save(figures)

async function measured(name: string): Promise<Figure[]> {
  const found = (await cases[name]?.({ runs, ...program })) ?? []
  const asUser = name === 'start' && process.getuid?.() === 0 ? await asOrdinaryUser(name, runs) : []
  const all = [...found, ...asUser]
  if (!json) for (const figure of all) process.stdout.write(reportOf(figure))
  return all
}

function save(all: readonly Figure[]): void {
  const at = new Date().toISOString()
  const document = { schema: 'glovebox/bench/1', at, commit: commit(), machine: machine(), runs, figures: all }
  const directory = path.join(root, 'bench/results')
  mkdirSync(directory, { recursive: true })
  const file = path.join(directory, `${at.slice(0, 10)}-${document.commit.replace('+', '-dirty')}.json`)
  writeFileSync(file, `${JSON.stringify(document, null, 2)}\n`)
  process.stdout.write(`\n${path.relative(root, file)}\n`)
}
