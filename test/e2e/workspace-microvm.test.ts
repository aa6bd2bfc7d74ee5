import assert from 'node:assert/strict'
import {
  existsSync,
  lstatSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  statSync,
  symlinkSync,
  truncateSync,
} from 'node:fs'
import path from 'node:path'
import { suite, test } from 'node:test'
import { machineOf, testMachines, whyNoMachines } from '../support/machines.ts'
import { leftOf, machinePlace } from '../support/machine-workspace.ts'
import { projectRoot } from '../support/readable-tree.ts'
import { unlessPresent } from '../support/requirement.ts'
import { exec, sh, type Place } from '../support/workspace.ts'

const missing = unlessPresent('QEMU', whyNoMachines())
if (missing === false) await testMachines()

function inMachine({ directory }: Place, ...more: string[]): string[] {
  return exec(directory, '--driver', 'microvm', '--json', ...more)
}

suite('workspaces of virtual machines', { skip: missing }, () => {
  test('what a machine did to its copy is done to the workspace', (t) => {
    const box = machinePlace(t, 'changes')
    for (const name of ['kept', 'changed', 'deleted', 'mode', 'dir/in', 'gone/a/b', 'secret', 'script.sh'])
      box.put(name, name)
    box.put('script.sh', 'echo by script', 0o750)
    const at = (name: string): string => path.join(box.directory, name)
    symlinkSync('kept', at('link'))
    symlinkSync('/etc/hostname', at('out'))
    const script = `cd ${box.directory}; cat kept; readlink link; stat -c %a script.sh; sh script.sh; ls -A | tr '\\n' ' '
      ! cat secret; ! chmod 600 secret
      echo more >> /workspace/changed; rm -r deleted gone; chmod 751 mode; mkdir -p new/deep; echo x > /mcp-workspace/new/deep/file; ln -sfn changed link; ln -s deep new/too`
    const { code, stdout, stderr } = box.verb(...inMachine(box, '--deny', at('secret')), ...sh(script))
    assert.equal(code, 0, stderr)
    assert.equal(stdout, 'keptkept\n750\nby script\nchanged deleted dir gone kept link mode script.sh secret ')
    assert.equal(box.read('changed'), 'changedmore\n')
    assert.deepEqual(readdirSync(box.directory).toSorted(), [
      'changed',
      'dir',
      'kept',
      'link',
      'mode',
      'new',
      'out',
      'script.sh',
      'secret',
    ])
    assert.equal(statSync(at('mode')).mode & 0o777, 0o751)
    assert.equal(statSync(at('script.sh')).mode & 0o777, 0o750)
    assert.equal(readlinkSync(at('link')), 'changed')
    assert.equal(readlinkSync(at('out')), '/etc/hostname')
    assert.equal(readlinkSync(at('new/too')), 'deep')
    assert.equal(box.read('new/deep/file'), 'x\n')
    assert.equal(box.read('secret'), 'secret')
    for (const name of ['changed', 'new', 'new/deep/file', 'link'])
      assert.equal(lstatSync(at(name)).uid, statSync(box.directory).uid, name)
    const [backup = '', ...more] = leftOf(box)
    assert.ok(existsSync(path.join(backup, 'before/gone/a/b')), backup)
    assert.deepEqual(more, [])
  })

  test('a link out that a machine plants leads nowhere on the host', (t) => {
    const box = machinePlace(t, 'links')
    box.put('dir/file', 'of the host')
    const target = path.join(path.dirname(box.directory), 'target')
    mkdirSync(target)
    const script = `cd /workspace; rm -r dir; ln -s ${target} dir; ln -s ../../../../etc/passwd up`
    const { code, stderr } = box.verb(...inMachine(box), ...sh(script))
    assert.equal(code, 0, stderr)
    for (const name of ['dir', 'up'])
      assert.ok(!lstatSync(path.join(box.directory, name), { throwIfNoEntry: false })?.isSymbolicLink(), name)
    assert.match(stderr, /"held":\["[^\]]*up/)
    assert.deepEqual(readdirSync(target), [])
  })

  for (const [name, words, script, expected] of [
    ['a signal', [], 'kill -9 $$', 137],
    ['its time', ['--time', '2s'], 'sleep 60', 124],
  ] as const) {
    test(`what a program wrote that was ended by ${name} comes back`, (t) => {
      const box = machinePlace(t, 'ended')
      const { code, stderr } = box.verb(...inMachine(box, ...words), ...sh(`echo x > /workspace/made; ${script}`))
      assert.equal(code, expected, stderr)
      assert.equal(box.read('made'), 'x\n')
    })
  }

  test('a program that is told to stop gives its changes back', async (t) => {
    const box = machinePlace(t, 'stopped')
    const { child, ended, said } = box.begin(...inMachine(box), ...sh('echo x > /workspace/made; echo done; sleep 60'))
    await said('done')
    child.kill('SIGTERM')
    const { stderr } = await ended
    assert.ok(existsSync(path.join(box.directory, 'made')), stderr)
  })

  test('a server has the copy, and its changes are there when its client has gone', async (t) => {
    const box = machinePlace(t, 'server')
    const tiny = readFileSync(path.join(projectRoot, 'test/fixtures/tiny-server.mjs'), 'utf8')
    box.put('server.mjs', `import { writeFileSync } from 'node:fs'\nwriteFileSync('served', 'x')\n${tiny}`)
    const run = ['run', '--driver', 'microvm', '--workspace', box.directory, '--', 'node', 'server.mjs']
    const { child, ended, said } = box.begin(...run)
    child.stdin?.write(`${JSON.stringify({ jsonrpc: '2.0', id: 1, method: 'tools/list', params: {} })}\n`)
    await said('nothing')
    child.stdin?.end()
    const { code, stderr } = await ended
    assert.equal(code, 0, stderr)
    assert.equal(box.read('served'), 'x', stderr)
  })

  test('a machine that is killed takes its changes with it, and nothing of the host', async (t) => {
    const box = machinePlace(t, 'killed')
    box.put('file', 'at first')
    const { child, ended, said } = box.begin(...inMachine(box), ...sh(`echo x > /workspace/file; echo done; sleep 60`))
    await said('done')
    assert.ok(child.pid)
    process.kill(machineOf(child.pid).vmm, 'SIGKILL')
    const { code, stderr } = await ended
    assert.notEqual(code, 0)
    assert.match(stderr, /"state":"lost"/)
    assert.equal(box.read('file'), 'at first')
    assert.deepEqual(readdirSync(box.directory), ['file'])
    assert.deepEqual(leftOf(box), [])
  })

  test('a workspace that is larger than a machine may become is refused with numbers', (t) => {
    const box = machinePlace(t, 'large')
    // It has no blocks, and would have them in the machine.
    truncateSync(box.put('large', ''), 3 * 1024 ** 3)
    const { code, stderr } = box.verb(...exec(box.directory, '--driver', 'microvm'), ...sh('true'))
    assert.equal(code, 3, stderr)
    assert.match(stderr, /more than 2 GiB[^]*workspace\.exclude/)
    assert.deepEqual(leftOf(box), [])
  })
})
