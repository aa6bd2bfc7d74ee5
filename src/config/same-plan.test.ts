import assert from 'node:assert/strict'
import path from 'node:path'
import { after, test } from 'node:test'
import { configHome } from '../../test/support/config-home.ts'
import { resolveNetwork } from '../policy/network/words.ts'
import type { Policy } from '../policy/policy.ts'
import { startOf } from './start.ts'

const home = configHome()
after(home.remove)

/** One meaning: a directory to read, 64 MiB, a variable, two addresses with two ports each and a name server. */
const data = path.join(home.root, 'data')
home.put('data/note.txt', 'note')

async function policyOf(words: readonly string[], flags: object): Promise<Policy> {
  const { policy } = await startOf(words, flags, { cwd: home.project, env: home.env, servers: true })
  return policy
}

const written: Readonly<Record<string, string>> = {
  'one.json': `{ "mcpServers": { "s": { "command": "true", "env": { "K": "v" },
    "sandbox": { "filesystem": { "read": ["${data}"] }, "limits": { "memory": "64M" }, "tools": { "allow": ["read_*"] },
      "network": { "allow": ["192.0.2.1:443,5432", "[2001:db8::1]:443,5432"], "resolvers": ["9.9.9.9"] } } } } }`,
  'one.toml': `[mcpServers.s]
command = "true"
env = { K = "v" }
[mcpServers.s.sandbox]
filesystem.read = ["${data}"]
limits.memory = 64
tools.allow = ["read_*"]
network = { allow = ["192.0.2.1:443,5432", "[2001:db8::1]:443,5432"], resolvers = ["9.9.9.9"] }
`,
  'one.yaml': `mcpServers:
  s:
    command: "true"
    env: { K: v }
    sandbox:
      filesystem:
        read:
          - ${data}
      limits: { memory: 64M }
      tools: { allow: ["read_*"] }
      network:
        allow: ["192.0.2.1:443,5432", "[2001:db8::1]:443,5432"]
        resolvers: [9.9.9.9]
`,
}

test('the same meaning in three spellings, a profile, a manifest and flags is one policy', async () => {
  for (const [name, text] of Object.entries(written)) home.put(name, text)
  home.put('places/config/profiles/tight.profile', `read-only ${data}\nrlimit-as 64m\nenv K=v\ndns 9.9.9.9\n`)
  const manifest = home.put(
    'manifest.json',
    JSON.stringify({
      max_memory_mb: 64,
      readonly_mounts: [data, '/usr/lib'],
      env_vars: { K: 'v' },
      allowed_tools: ['read_*'],
      allowed_egress_ips: ['192.0.2.1'],
      allowed_egress_ipv6: ['2001:db8::1'],
      allowed_egress_ports: [443, 5432],
      allowed_dns_resolvers: ['9.9.9.9'],
    }),
  )
  const allowNet = ['192.0.2.1:443,5432', '[2001:db8::1]:443,5432']
  const flags = await policyOf(['true'], {
    read: [data],
    memory: '64M',
    env: ['K=v'],
    tools: ['read_*'],
    allowNet,
    resolver: ['9.9.9.9'],
  })
  assert.ok(resolveNetwork(flags.network))
  assert.equal(flags.limits.memoryBytes, 64 * 1024 ** 2)
  assert.deepEqual(flags.filesystem.read, [data])
  for (const name of Object.keys(written)) {
    // A file has been asked about machines, and says nothing.
    const asked = { ...flags, machineLimits: {} }
    assert.deepEqual(await policyOf(['s'], { config: path.join(home.root, name) }), asked, name)
  }
  assert.deepEqual(await policyOf(['true'], { manifest }), flags, 'manifest')
  assert.deepEqual(await policyOf(['true'], { profile: 'tight', tools: ['read_*'], allowNet }), flags, 'profile')
})
