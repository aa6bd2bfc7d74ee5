import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'

const root = path.resolve(import.meta.dirname, '../..')

interface Finding {
  readonly code: string
  readonly filename: string
  readonly message: string
}

type Files = Readonly<Record<string, string>>

/** Lints a project made of these files with the project's own configuration, which has its globs relative to itself. */
function lint(files: Files): Finding[] {
  const project = mkdtempSync(path.join(tmpdir(), 'glovebox-lint-'))
  try {
    for (const [name, text] of Object.entries({ ...files, '.oxlintrc.json': configuration() })) {
      mkdirSync(path.join(project, path.dirname(name)), { recursive: true })
      writeFileSync(path.join(project, name), text)
    }
    const oxlint = path.join(root, 'node_modules/oxlint/bin/oxlint')
    const run = spawnSync(process.execPath, [oxlint, '--format', 'json', 'src'], { cwd: project, encoding: 'utf8' })
    assert.equal(run.error, undefined)
    return (JSON.parse(run.stdout) as { diagnostics: Finding[] }).diagnostics
  } finally {
    rmSync(project, { recursive: true })
  }
}

function configuration(): string {
  const text = readFileSync(path.join(root, '.oxlintrc.json'), 'utf8')
  return text.replace('"./tools/lint/plugin.ts"', JSON.stringify(path.join(root, 'tools/lint/plugin.ts')))
}

/** All cases are linted in one run: `A` in a file's name becomes the number of its case. */
function projectOf(files: readonly Files[]): Files {
  return Object.assign({}, ...files.map((each, index) => numbered(each, index))) as Files
}

function numbered(files: Files, index: number): Files {
  return Object.fromEntries(
    Object.entries(files).map(([name, text]) => [
      name.replace('A', `a${index}-`),
      text.replaceAll('/A', `/a${index}-`),
    ]),
  )
}

interface Case {
  readonly title: string
  readonly rule: string
  readonly bad: Record<string, string>
  /** The nearest thing that is allowed. */
  readonly good: Record<string, string>
}

const value = 'export const value: number = 1\n'

const registry = "export { value } from './jail/b.ts'\nexport const f = (name: string): boolean => name === 'jail'\n"

const cases: readonly Case[] = [
  {
    title: 'policy imports no built-in with effects',
    rule: 'house(imports)',
    bad: { 'src/policy/A.ts': "import { readFileSync } from 'node:fs'\nexport const text: unknown = readFileSync\n" },
    good: { 'src/policy/A.ts': "import path from 'node:path/posix'\nexport const sep: string = path.sep\n" },
  },
  {
    title: 'protocol imports no package',
    rule: 'house(imports)',
    bad: { 'src/protocol/A.ts': "export { Command } from 'commander'\n" },
    good: { 'src/protocol/A.ts': "export { value } from './b.ts'\n", 'src/protocol/b.ts': value },
  },
  {
    title: 'protocol imports the reader under its generated types, and nothing else of that package',
    rule: 'house(imports)',
    bad: { 'src/protocol/A.ts': "export { create } from '@bufbuild/protobuf'\n" },
    good: { 'src/protocol/A.ts': "export { BinaryReader } from '@bufbuild/protobuf/wire'\n" },
  },
  {
    title: 'policy does not import what protocol may',
    rule: 'house(imports)',
    bad: { 'src/policy/A.ts': "export { BinaryReader } from '@bufbuild/protobuf/wire'\n" },
    good: { 'src/policy/A.ts': "export { value } from '../protocol/b.ts'\n", 'src/protocol/b.ts': value },
  },
  {
    title: 'protocol does not import a room with effects, not even lazily',
    rule: 'house(imports)',
    bad: {
      'src/protocol/A.ts': "export const later = (): unknown => import('../system/b.ts')\n",
      'src/system/b.ts': value,
    },
    good: {
      'src/policy/A.ts': "export const later = (): unknown => import('../protocol/b.ts')\n",
      'src/protocol/b.ts': value,
    },
  },
  {
    title: 'policy uses no global with effects',
    rule: 'eslint(no-restricted-globals)',
    bad: { 'src/policy/A.ts': "export const home = (): unknown => process.env['HOME']\n" },
    good: { 'src/system/A.ts': "export const home = (): unknown => process.env['HOME']\n" },
  },
  {
    title: 'a driver never imports another driver',
    rule: 'house(imports)',
    bad: { 'src/drivers/jail/A.ts': "export { value } from '../microvm/b.ts'\n", 'src/drivers/microvm/b.ts': value },
    good: { 'src/drivers/jail/A.ts': "export { value } from './b.ts'\n", 'src/drivers/jail/b.ts': value },
  },
  {
    title: 'in the room of the drivers only the registry imports a driver',
    rule: 'house(imports)',
    bad: { 'src/drivers/Aprobe.ts': "export { value } from './jail/b.ts'\n", 'src/drivers/jail/b.ts': value },
    good: { 'src/drivers/registry.ts': registry, 'src/drivers/jail/b.ts': value },
  },
  {
    title: 'what drivers share imports no driver, and each driver may import it',
    rule: 'house(imports)',
    bad: { 'src/drivers/launcher/A.ts': "export { value } from '../jail/b.ts'\n", 'src/drivers/jail/b.ts': value },
    good: { 'src/drivers/jail/A.ts': "export { value } from '../launcher/b.ts'\n", 'src/drivers/launcher/b.ts': value },
  },
  {
    title: 'the guard never imports a driver, not even a type of it',
    rule: 'house(imports)',
    bad: {
      'src/guard/A.ts': "export type { V } from '../drivers/driver.ts'\n",
      'src/drivers/driver.ts': 'export type V = 1\n',
    },
    good: {
      'src/runtime/A.ts': "export type { V } from '../drivers/driver.ts'\n",
      'src/drivers/driver.ts': 'export type V = 1\n',
    },
  },
  {
    title: 'the gateway never imports a driver',
    rule: 'house(imports)',
    bad: { 'src/gateway/A.ts': "export { value } from '../drivers/jail/b.ts'\n", 'src/drivers/jail/b.ts': value },
    good: { 'src/gateway/A.ts': "export { value } from '../guard/b.ts'\n", 'src/guard/b.ts': value },
  },
  {
    title: 'a command never imports another command',
    rule: 'house(imports)',
    bad: { 'src/commands/Arun.ts': "export { value } from './audit/Atail.ts'\n", 'src/commands/audit/Atail.ts': value },
    good: {
      'src/commands/audit.ts': "export { value } from './audit/Atail.ts'\n",
      'src/commands/audit/Atail.ts': value,
    },
  },
  {
    title: 'only system starts processes',
    rule: 'house(imports)',
    bad: { 'src/drivers/jail/A.ts': "export { spawn } from 'node:child_process'\n" },
    good: {
      'src/system/A.ts': "export { spawn } from 'node:child_process'\n",
      'src/audit/A.test.ts': "export { spawn } from 'node:child_process'\n",
    },
  },
  {
    title: 'a process is not started through a built-in fetched by name',
    rule: 'house(imports)',
    bad: { 'src/ui/A.ts': "export const c: unknown = process.getBuiltinModule('node:child_process')\n" },
    good: { 'src/ui/A.ts': "export const c: unknown = process.getBuiltinModule('node:os')\n" },
  },
  {
    title: 'no cycles',
    rule: 'import(no-cycle)',
    bad: {
      'src/ui/A.ts': "import { b } from './Ab.ts'\nexport const a = (): number => b()\n",
      'src/ui/Ab.ts': "import { a } from './A.ts'\nexport const b = (): number => a()\n",
    },
    good: {
      'src/ui/A.ts': "import { value } from './b.ts'\nexport const a = (): number => value\n",
      'src/ui/b.ts': value,
    },
  },
  {
    title: 'no variable at the top of a module',
    rule: 'house(module-state)',
    bad: { 'src/ui/A.ts': 'let count = 0\nexport const next = (): number => ++count\n' },
    good: { 'src/ui/A.ts': 'export const next = (): number => { let count = 0; return ++count }\n' },
  },
  {
    title: 'no collection at the top of a module that can be filled',
    rule: 'house(module-state)',
    bad: { 'src/ui/A.ts': 'export const seen = new Map<string, number>()\n' },
    good: { 'src/ui/A.ts': "export const seen: ReadonlySet<string> = new Set(['a'])\n" },
  },
  {
    title: 'no empty list at the top of a module',
    rule: 'house(module-state)',
    bad: { 'src/ui/A.ts': 'export const seen: string[] = []\n' },
    good: { 'src/ui/A.ts': 'export const seen: readonly string[] = []\n' },
  },
  {
    title: 'no static field that changes',
    rule: 'house(module-state)',
    bad: { 'src/ui/A.ts': 'export class A { static count = 0 }\n' },
    good: { 'src/ui/A.ts': 'export class A { static readonly count = 0 }\n' },
  },
  {
    title: "no comparison with a driver's name outside the registry",
    rule: 'house(driver-names)',
    bad: { 'src/runtime/A.ts': "export const f = (name: string): boolean => name === 'jail'\n" },
    good: { 'src/drivers/registry.ts': registry },
  },
  {
    title: "no switch over a driver's name outside the registry",
    rule: 'house(driver-names)',
    bad: {
      'src/runtime/A.ts':
        "export const f = (n: string): number => { switch (n) { case 'microvm': return 1 } return 2 }\n",
    },
    good: {
      'src/runtime/A.ts': "export const f = (n: string): number => { switch (n) { case 'read': return 1 } return 2 }\n",
    },
  },
  {
    title: 'no shell, by option or by function',
    rule: 'house(no-shell)',
    bad: {
      'src/system/A.ts':
        "import { execSync } from 'node:child_process'\nexport const f = (): unknown => execSync('ls')\n",
    },
    good: {
      'src/system/A.ts':
        "import { spawn } from 'node:child_process'\nexport const f = (): unknown => spawn('ls', { shell: false })\n",
    },
  },
  {
    title: 'a test file waits before its first test, and not between two',
    rule: 'house(await-before-tests)',
    bad: {
      'src/ui/A.test.ts':
        "import { test } from 'node:test'\ntest('One.', () => {})\nawait Promise.resolve()\ntest('Two.', () => {})\n",
    },
    good: {
      'src/ui/A.test.ts':
        "import { test } from 'node:test'\nawait Promise.resolve()\ntest('One.', async () => { await Promise.resolve() })\n",
    },
  },
  {
    title: 'no file of more than 400 lines',
    rule: 'eslint(max-lines)',
    bad: { 'src/ui/A.ts': Array.from({ length: 401 }, (_, i) => `export const v${i}: number = ${i}\n`).join('') },
    good: { 'src/ui/A.ts': Array.from({ length: 400 }, (_, i) => `export const v${i}: number = ${i}\n`).join('') },
  },
]

const codesIn = (findings: readonly Finding[], files: Files, index: number): string[] =>
  findings.filter(({ filename }) => filename in numbered(files, index)).map(({ code }) => code)

const bad = lint(projectOf(cases.map((each) => each.bad)))
const good = lint(projectOf(cases.map((each) => each.good)))

for (const [index, each] of cases.entries()) {
  test(`The linter holds: ${each.title}.`, () => {
    const found = codesIn(bad, each.bad, index)
    assert.ok(found.includes(each.rule), `expected ${each.rule} for the bad example, found ${JSON.stringify(found)}`)
    assert.ok(!codesIn(good, each.good, index).includes(each.rule), 'the good example is refused too')
  })
}
