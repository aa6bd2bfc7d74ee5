import assert from 'node:assert/strict'
import { existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { usualRunners, type Runner } from '../support/as-user.ts'
import { examplesOf, pages, stepsOf, textOf, type Example } from '../support/docs/pages.ts'
import { reader, type Reader } from '../support/docs/reader.ts'
import { allVerbs, mentionsOf, spelled, unknownIn } from '../support/docs/told.ts'
import { npmRegistry, type Registry } from '../support/npm-registry.ts'
import { projectRoot } from '../support/readable-tree.ts'

/**
 * Every fenced example of every page is run: commands in a shell, with the built program as `glovebox`; configurations,
 * manifests and profiles by the loader that reads them. What cannot be run here says why, in the page.
 */
const examples = pages.flatMap(examplesOf)
const where = ({ page, line }: Example): string => `${page}:${line}`

/** A stand-in with the name that the pages use: the same way from the registry to the answer, without the network. */
let registry: Registry
before(async () => {
  const tiny = readFileSync(path.join(projectRoot, 'test/fixtures/tiny-server.mjs'), 'utf8')
  const [name, manifest] = ['@modelcontextprotocol/server-filesystem', { bin: 'cli.mjs' }]
  const files = { 'cli.mjs': `#!/usr/bin/env node\n${tiny}` }
  registry = await npmRegistry([{ name, version: '2026.8.31', manifest, files }], {})
})
after(async () => registry[Symbol.asyncDispose]())

/** How an example of each language is run; the result is why it is not as its page says. */
const ways: Readonly<Record<string, (example: Example, by: Reader) => Promise<string | undefined>>> = {
  sh: typed,
  console: typed,
  jsonc: configuration,
  toml: configuration,
  yaml: configuration,
  json: document,
  profile,
}

/** Not examples: drawings, and what nobody types. */
const figures: ReadonlySet<string> = new Set(['text'])

for (const runner of usualRunners())
  for (const page of pages.filter((each) => toRun(each).length > 0))
    test(`the examples of ${page} do what they say (${runner.name})`, { timeout: 120_000 }, async () =>
      runPage(page, runner),
    )

async function runPage(page: string, runner: Runner): Promise<void> {
  using by = reader(runner, registry.url)
  // Pages speak of what has happened before.
  assert.equal(await by.type({ command: 'glovebox run --name files -- node server.js', output: undefined }), undefined)
  for (const example of toRun(page)) {
    const run = ways[example.language]
    assert.ok(run, `${where(example)}: nobody knows how to run "${example.language}"; a drawing is "text"`)
    assert.equal(await run(example, by), undefined, where(example))
  }
}

function toRun(page: string): Example[] {
  return examples.filter((each) => each.page === page && each.fate.kind === 'run' && !figures.has(each.language))
}

async function typed(example: Example, by: Reader): Promise<string | undefined> {
  for (const step of stepsOf(example)) {
    const wrong = await by.type(step)
    if (wrong !== undefined) return `${step.command}\n${wrong}`
  }
  return undefined
}

/** Read and checked, and each of its servers planned. */
async function configuration({ language, body, page }: Example, by: Reader): Promise<string | undefined> {
  const file = by.write(`project/example.${language === 'jsonc' ? 'json' : language}`, body)
  const install = 'glovebox package install -- npx -y @modelcontextprotocol/server-filesystem /workspace'
  const plan = `glovebox policy show --config ${file} files`
  return typed({ ...shell(page), body: `glovebox policy check ${file}\n${install}\n${plan}\n` }, by)
}

/** A client's file, whose servers are started as a client does; or a manifest. */
async function document({ body, page }: Example, by: Reader): Promise<string | undefined> {
  const value = JSON.parse(body) as { mcpServers?: Record<string, { command: string; args: string[] }> }
  if (value.mcpServers === undefined) {
    const file = by.write('project/manifest.json', body)
    return typed({ ...shell(page), body: `glovebox exec --manifest ${file} -- node -e 0\n` }, by)
  }
  const commands = Object.values(value.mcpServers).map(({ command, args }) => [command, ...args].join(' '))
  return typed({ ...shell(page), body: commands.join('\n') }, by)
}

async function profile({ body, page }: Example, by: Reader): Promise<string | undefined> {
  const file = by.write('.config/glovebox/profiles/example.profile', body)
  const start = 'glovebox exec --profile example -- python3 -c "print(1)"'
  return typed({ ...shell(page), body: `glovebox policy check ${file}\n${start}\n` }, by)
}

function shell(page: string): Example {
  return { page, line: 0, language: 'sh', body: '', fate: { kind: 'run' } }
}

test('an example that another test runs is named by that test', () => {
  for (const example of examples) {
    if (example.fate.kind !== 'elsewhere') continue
    const file = path.join(projectRoot, example.fate.file)
    assert.ok(existsSync(file), `${where(example)}: ${example.fate.file} is not there`)
    const isNamed = readFileSync(file, 'utf8').includes(example.page)
    assert.ok(isNamed, `${where(example)}: ${example.fate.file} does not speak of ${example.page}`)
  }
})

test('what is not run is little, and says why', (context) => {
  const left = examples.flatMap((each) => (each.fate.kind === 'never' ? [`${each.page}: ${each.fate.reason}`] : []))
  for (const line of left) context.diagnostic(`not run: ${line}`)
  assert.ok(left.length <= 6, `${left.length} examples are not run`)
})

test('a drawing is no hidden example', () => {
  for (const example of examples.filter(({ language }) => figures.has(language)))
    assert.doesNotMatch(example.body, /^(\$ |glovebox |npm |sudo |[{[])/m, where(example))
})

test('every command line that a page writes has verbs and options that are there', async () => {
  const verbs = await allVerbs()
  const wrong = pages.flatMap(mentionsOf).flatMap((mention) => {
    const unknown = unknownIn(mention, verbs)
    return unknown === undefined ? [] : [`${mention.page}: ${mention.text}: ${unknown}`]
  })
  assert.deepEqual(wrong, [])
})

test('every verb is told by a page', async () => {
  const text = pages.map(textOf).join('\n')
  const silent = spelled(await allVerbs()).filter((verb) => !new RegExp(`(\`|glovebox )${verb}(?![a-z-])`).test(text))
  assert.deepEqual(silent, [])
})
