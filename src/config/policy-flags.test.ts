import assert from 'node:assert/strict'
import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import { Command } from 'commander'
import { GloveboxError } from '../errors.ts'
import type { Policy } from '../policy/policy.ts'
import { entryOf } from './edit/entry.ts'
import { flagsLayer } from './layers/flags.ts'
import { mergeLayers } from './layers/layer.ts'
import { addPolicyFlags, policyFromFlags, type PolicyFlags } from './policy-flags.ts'

function flags(...words: string[]): PolicyFlags {
  return addPolicyFlags(new Command()).exitOverride().parse(words, { from: 'user' }).opts()
}

function network(...words: string[]): Policy['network'] {
  return policyFromFlags(flags(...words), {}).network
}

test('a path may have a comma in it, where it is there and its pieces are not', (t) => {
  const directory = mkdtempSync(path.join(tmpdir(), 'glovebox-comma-'))
  t.after(() => rmSync(directory, { recursive: true }))
  const [whole, a, b] = ['a,b', 'a', 'b'].map((name) => path.join(directory, name))
  assert.ok(whole !== undefined && a !== undefined && b !== undefined)
  const read = (word: string): readonly string[] => policyFromFlags(flags('--read', word), {}).filesystem.read
  assert.deepEqual(read(whole), [a, 'b'])
  writeFileSync(whole, '')
  assert.deepEqual(read(whole), [whole])
  writeFileSync(a, '')
  writeFileSync(b, '')
  assert.deepEqual(read(`${a},${b}`), [a, b])
})

test('an empty value is an error, where passing it over would show, allow or fail to deny something', () => {
  const refused = (flag: string, value: string) =>
    assert.throws(
      () => policyFromFlags(flags(flag, value), {}),
      (error) => error instanceof GloveboxError && error.code === 'USAGE' && error.message.startsWith(`${flag}: `),
    )
  for (const flag of ['--read', '--write', '--deny', '--allow-net', '--deny-net', '--deny-tools', '--resolver']) {
    refused(flag, '')
    refused(flag, ',')
  }
  refused('--workspace', '')
  // Lists of what is left: nothing.
  const { exec, tools } = policyFromFlags(flags('--exec', '', '--tools', ''), {})
  assert.deepEqual([exec, tools.allow], [[], []])
})

test('rules are repeated or separated by commas, and ports stay with their name', () => {
  const { allow, deny } = network(
    '--allow-net',
    'a.example:443,8443,b.example,c.example:80,8000-8010,preset:npm,',
    '--allow-net',
    '[fd00::/8]:80,443',
    '--deny-net',
    'x.a.example,y.a.example:80,81',
  )
  assert.deepEqual(allow, [
    'a.example:443,8443',
    'b.example',
    'c.example:80,8000-8010',
    'preset:npm',
    '[fd00::/8]:80,443',
  ])
  assert.deepEqual(deny, ['x.a.example', 'y.a.example:80,81'])
})

test('ranges and name servers are lists', () => {
  const found = network(
    '--allow-private',
    '10.0.0.0/8,fd00::/8',
    '--resolver',
    '9.9.9.9',
    '--resolver',
    '[2620:fe::fe]:53',
  )
  assert.deepEqual(found.private, ['10.0.0.0/8', 'fd00::/8'])
  assert.deepEqual(found.resolvers, ['9.9.9.9', '[2620:fe::fe]:53'])
  assert.deepEqual(found.allow, [])
})

test('what is wrong is told with its flag', () => {
  for (const [flag, value, message] of [
    ['--allow-net', 'https://a.example', /^--allow-net: "https:\/\/a\.example" is a URL/],
    ['--allow-net', '443', /^--allow-net: "443" is an oddly written address/],
    ['--allow-net', 'a.example,8443', /^--allow-net: "a\.example,8443" /],
    ['--deny-net', '*', /^--deny-net: /],
    ['--allow-private', '8.8.8.0/24', /^--allow-private: "8\.8\.8\.0\/24" is public/],
    ['--resolver', 'dns.example', /^--resolver: /],
    ['--publish', '0.0.0.0:80:80', /^--publish: "0\.0\.0\.0:80:80" would let other machines/],
    ['-p', '80:80,80:81', /^--publish: "80:81" is the second/],
    ['--allow-net', 'a\u{1b}[2J.example', /^--allow-net: "a\\u\{1b\}\[2J\.example" /],
  ] as const)
    assert.throws(
      () => network(flag, value),
      (error) =>
        error instanceof GloveboxError &&
        error.code === 'POLICY_INVALID' &&
        message.test(error.message) &&
        error.fix !== undefined,
      value,
    )
})

test('a VMM that is asked for brings the driver that has some, and goes with no other', () => {
  const policy = (...words: string[]): Policy => policyFromFlags(flags(...words), {})
  const asked = policy('--vmm', 'firecracker')
  assert.deepEqual([asked.driver, asked.vmm], ['microvm', 'firecracker'])
  assert.deepEqual(policy('--driver', 'microvm', '--vmm', 'qemu').vmm, 'qemu')
  assert.equal('vmm' in policy('--driver', 'microvm'), false)
  assert.throws(() => policy('--driver', 'jail', '--vmm', 'qemu'), { code: 'POLICY_INVALID', message: /^--vmm: / })
  const layer = flagsLayer(flags('--vmm', 'firecracker'), { cwd: '/', env: {} })
  const merged = mergeLayers([{ ...layer, vmm: 'qemu', sandbox: { driver: 'jail' } }, layer])
  assert.deepEqual([merged.sandbox.driver, merged.vmm], ['microvm', 'firecracker'])
})

test('an accelerator that is asked for brings the driver that has machines, and goes with no other', () => {
  const policy = (...words: string[]): Policy => policyFromFlags(flags(...words), {})
  const asked = policy('--accel', 'tcg')
  assert.deepEqual([asked.driver, asked.accel], ['microvm', 'tcg'])
  assert.equal('accel' in policy('--driver', 'microvm'), false)
  assert.throws(() => policy('--driver', 'jail', '--accel', 'kvm'), { code: 'POLICY_INVALID', message: /^--accel: / })
  const layer = flagsLayer(flags('--accel', 'tcg'), { cwd: '/', env: {} })
  const merged = mergeLayers([{ ...layer, accel: 'kvm', sandbox: { driver: 'jail' } }, layer])
  assert.deepEqual([merged.sandbox.driver, merged.accel], ['microvm', 'tcg'])
})

test('an image that is named brings the driver that has machines, and is stronger than that of a configuration', () => {
  const policy = (...words: string[]): Policy => policyFromFlags(flags(...words), {})
  const asked = policy('--image', 'mine')
  const machine = { kernel: null, rootfs: null, image: 'mine' }
  assert.deepEqual([asked.driver, asked.machine], ['microvm', machine])
  assert.equal('machine' in policy('--driver', 'microvm'), false)
  assert.throws(() => policy('--driver', 'jail', '--image', 'mine'), { code: 'POLICY_INVALID', message: /^--image: / })
  assert.throws(() => policy('--image', ''), { code: 'USAGE', message: /^--image: / })
  const layer = flagsLayer(flags('--image', 'mine'), { cwd: '/', env: {} })
  const merged = mergeLayers([{ ...layer, machine: { ...machine, image: 'other' } }, layer])
  assert.deepEqual([merged.sandbox.driver, merged.machine], ['microvm', machine])
})

test('each value knows its flag, and `add` writes it under its key', () => {
  const given = flags(
    '--allow-net',
    'a.example',
    '--deny-net',
    'b.example',
    '--allow-private',
    '10.0.0.0/8',
    '--resolver',
    '9.9.9.9',
    '-p',
    '8080:80,3000',
    '--publish',
    '[::1]:8080:80',
  )
  const { sandbox, origins } = mergeLayers([flagsLayer(given, { cwd: '/', env: {} })])
  const expected = {
    allow: ['a.example'],
    deny: ['b.example'],
    private: ['10.0.0.0/8'],
    resolvers: ['9.9.9.9'],
    publish: ['8080:80', '3000', '[::1]:8080:80'],
  }
  assert.deepEqual({ ...sandbox.network }, expected)
  assert.deepEqual(
    Object.keys(expected).map((key) => origins.get(`network.${key}[0]`)?.where),
    ['--allow-net', '--deny-net', '--allow-private', '--resolver', '--publish'],
  )
  assert.deepEqual(entryOf(['true'], given, { cwd: '/', base: undefined })['sandbox'], { network: expected })
})

test('a workspace with a mode that is none says which there are, and how a name with a colon is written', () => {
  for (const [word, meant] of [
    ['.:foo', '.:copy'],
    ['p:ro', 'p:read'],
    ['p:rw', 'p:write'],
    ['p:', 'p:copy'],
  ] as const) {
    assert.throws(() => policyFromFlags({ workspace: word }, {}), {
      code: 'POLICY_INVALID',
      message: new RegExp(`^--workspace ${word}: ".*" is no mode$`),
      fix: new RegExp(`--workspace ${meant} .*${word}:copy`),
    })
  }
  assert.deepEqual(policyFromFlags({ workspace: './a:b/c' }, {}).workspace, { path: './a:b/c', mode: 'copy' })
  assert.deepEqual(policyFromFlags({ workspace: './a:b:read' }, {}).workspace, { path: './a:b', mode: 'read' })
})

test('a workspace without a mode is a copy, in a start and in what `add` writes', () => {
  const place = { cwd: '/home/me', base: undefined }
  for (const [word, mode] of [
    ['p', 'copy'],
    ['p:copy', 'copy'],
    ['p:read', 'read'],
    ['p:write', 'write'],
  ] as const) {
    const flags = { workspace: word }
    assert.deepEqual(policyFromFlags(flags, {}).workspace, { path: 'p', mode })
    const { sandbox } = entryOf(['node'], flags, place) as { sandbox: { workspace: unknown } }
    assert.deepEqual(sandbox.workspace, { path: '/home/me/p', mode })
  }
  const { sandbox } = entryOf(['node'], { workspace: 'p', sync: 'yes' }, place) as { sandbox: { workspace: unknown } }
  assert.deepEqual(sandbox.workspace, { path: '/home/me/p', mode: 'copy', sync: 'yes' })
})

test('what `add` writes means what a start with the same flags means, or is refused', () => {
  const place = { cwd: '/home/me', base: undefined }
  const sandboxFor = (...words: string[]): unknown =>
    (entryOf(['node'], flags(...words), place) as { sandbox?: unknown }).sandbox
  assert.equal(sandboxFor(), undefined)
  assert.deepEqual(sandboxFor('--exec', ''), { exec: [] })
  assert.deepEqual(sandboxFor('--tools', ''), { tools: { allow: [] } })
  assert.deepEqual(sandboxFor('--tools', 'a', '--deny-tools', 'b'), { tools: { allow: ['a'], deny: ['b'] } })
  assert.deepEqual(sandboxFor('--exec', 'git,./x'), { exec: ['git', '/home/me/x'] })
  for (const [words, message, fix] of [
    [['--vmm', 'qemu'], /^--vmm: the entry/, /--driver microvm.*"microvm": \{ "vmm": "qemu" \}/],
    [['--accel', 'kvm'], /^--accel: the entry/, /"accel": "kvm"/],
    [['--image', 'mine'], /^--image: the entry/, /"image": "mine"/],
    [['--sync', 'yes'], /^--sync: /, /--workspace DIR --sync yes/],
  ] as const) {
    assert.throws(() => sandboxFor(...words), { code: 'USAGE', message, fix })
  }
})

test('a file of variables may have a byte order mark, comments and the line ends of Windows; a wrong line is named', (t) => {
  const directory = mkdtempSync(path.join(tmpdir(), 'glovebox-flags-'))
  t.after(() => rmSync(directory, { recursive: true }))
  const file = path.join(directory, 'variables.env')
  const read = (text: string): Policy['env'] => {
    writeFileSync(file, text)
    return policyFromFlags(flags('--env-file', file), {}).env
  }
  assert.deepEqual(read('\u{feff}A=1\r\n# no\r\n\r\nB=two = 2\r\n'), { A: '1', B: 'two = 2' })
  assert.throws(() => read('A=1\nB\n'), { code: 'POLICY_INVALID', message: `${file}:2: no "=" in this line` })
  assert.throws(() => read('A=1\n2=x\n'), {
    code: 'POLICY_INVALID',
    message: `${file}:2: "2" is not the name of a variable`,
  })
})
