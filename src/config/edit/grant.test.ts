import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { GloveboxError } from '../../errors.ts'
import type { Grant } from '../../policy/explain/attempt.ts'
import { proposeGrants, type Proposal } from './grant.ts'

const inherited = { exec: null, tools: ['*'] }

async function propose(
  text: string,
  grants: readonly Grant[],
  {
    name = 'files',
    file = 'glovebox.json',
    from = inherited,
  }: { name?: string; file?: string; from?: Parameters<typeof proposeGrants>[3] } = {},
): Promise<Proposal> {
  const directory = mkdtempSync(join(tmpdir(), 'glovebox-grant-'))
  try {
    const path = join(directory, file)
    writeFileSync(path, text)
    return await proposeGrants({ kind: 'file', path }, name, grants, from)
  } finally {
    rmSync(directory, { recursive: true })
  }
}

const json = `{
  // mine
  "mcpServers": {
    "files": { "command": "x", "sandbox": { "network": { "allow": ["a.example"] } } } // why
  }
}
`
const add = (key: readonly string[], value: string): Grant => ({ how: 'add', key, value })

test('a value is added to its list, and every comment stays', async () => {
  const { after, before } = await propose(json, [add(['network', 'allow'], 'b.example')])
  assert.equal(before.text, json)
  assert.equal(after, json.replace('["a.example"]', '["a.example", "b.example"]'))
})

test('a list that is not there is begun; several grants are one change', async () => {
  const { after, edits } = await propose(
    '[mcpServers.files]\ncommand = "x"\n',
    [add(['filesystem', 'read'], '/a'), add(['filesystem', 'read'], '/b')],
    { file: 'glovebox.toml' },
  )
  assert.equal(edits.length, 2)
  assert.match(after, /read = \[\s*"\/a",\s*"\/b"\s*\]/)
})

test('a list that a profile has is not narrowed by the one that replaces it', async () => {
  const text = '{"mcpServers":{"files":{"command":"x"}}}'
  const tools = await propose(text, [add(['tools', 'allow'], 'c')], { from: { exec: ['node'], tools: ['a', 'b'] } })
  assert.deepEqual(JSON.parse(tools.after).mcpServers.files.sandbox.tools.allow, ['a', 'b', 'c'])
  const exec = await propose(text, [add(['exec'], 'git')], { from: { exec: ['node'], tools: ['*'] } })
  assert.deepEqual(JSON.parse(exec.after).mcpServers.files.sandbox.exec, ['node', 'git'])
})

test('a value is taken out of its list', async () => {
  const text = '{"mcpServers":{"files":{"command":"x","sandbox":{"tools":{"deny":["a","b"]}}}}}'
  const { after } = await propose(text, [{ how: 'remove', key: ['tools', 'deny'], value: 'a' }])
  assert.deepEqual(JSON.parse(after).mcpServers.files.sandbox.tools.deny, ['b'])
})

test('what would change nothing, or would narrow what is there, is an error that says so', async () => {
  const refused = async (grant: Grant, name?: string): Promise<void> =>
    assert.rejects(
      propose(json, [grant], name === undefined ? {} : { name }),
      (error) => error instanceof GloveboxError && error.code === 'USAGE' && error.fix !== undefined,
    )
  await refused(add(['network', 'allow'], 'a.example'))
  await refused({ how: 'remove', key: ['tools', 'deny'], value: 'x' })
  await refused(add(['exec'], 'git'))
  await refused(add(['network', 'allow'], 'b.example'), 'other')
})
