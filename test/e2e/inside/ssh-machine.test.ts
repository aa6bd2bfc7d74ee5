import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { once } from 'node:events'
import * as fs from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { setTimeout } from 'node:timers/promises'
import { machineRunner, testMachines, whyNoMachines } from '../../support/machines.ts'
import { unlessPresent } from '../../support/requirement.ts'
import { running } from '../../support/running.ts'
import { clientsOf, ended, whyNoSsh } from '../../support/ssh.ts'

const missing = unlessPresent('SSH', whyNoSsh()) || unlessPresent('QEMU', whyNoMachines())
if (missing === false) await testMachines()

function qemuBelow(pid: number): number {
  const found = [pid]
  for (const each of found) {
    if (fs.readFileSync(`/proc/${each}/comm`, 'utf8').startsWith('qemu-system')) return each
    const children = fs.readFileSync(`/proc/${each}/task/${each}/children`, 'utf8')
    found.push(...children.split(' ').filter(Boolean).map(Number))
  }
  return assert.fail(`no QEMU is below ${pid}`)
}

const sum = (bytes: Buffer): string => createHash('sha256').update(bytes).digest('hex')

test(
  'SSH: OpenSSH’s own clients work in a virtual machine as in a jail',
  {
    skip: missing,
    timeout: 300_000,
  },
  async (t) => {
    const runner = machineRunner()
    const box = await running(t, runner, { flags: ['--driver', 'microvm'] })
    const clients = clientsOf(runner)
    const host = `${box.name}.glovebox`

    await t.test('a program has its streams and its exit code, and runs on the guest’s kernel', async () => {
      const done = await clients.run('ssh', host, 'uname -r; printf "a\\0b"; echo problem >&2; exit 7')
      const [kernel, output] = done.stdout.toString().split('\n')
      assert.notEqual(kernel, fs.readFileSync('/proc/sys/kernel/osrelease', 'utf8').trim())
      assert.deepEqual([output, done.stderr, done.code], ['a\0b', 'problem\n', 7])
      assert.equal((await clients.run('ssh', host, 'kill -9 $$')).code, 255)
    })

    await t.test('a program has a terminal of the size that ssh says', async () => {
      const done = await clients.run('ssh', '-tt', host, 'test -t 0 && stty size')
      assert.equal(done.code, 0, done.stderr)
      assert.match(done.stdout.toString(), /^\d+ \d+\r?$/m)
    })

    await t.test('what goes in by its stdin comes back as it was', async () => {
      const bytes = randomBytes(4 * 1000 * 1000)
      const cat = clients.start('ssh', host, 'cat')
      cat.stdin?.end(bytes)
      const through = await ended(cat)
      assert.deepEqual([through.code, sum(through.stdout)], [0, sum(bytes)], through.stderr)
    })

    await t.test('scp and sftp copy in and out with modes and times, and nothing into the system', async () => {
      const file = path.join(runner.home, 'ü')
      fs.writeFileSync(file, 'deep', { mode: 0o640 })
      fs.lchownSync(file, runner.uid, runner.gid)
      fs.utimesSync(file, 1_600_000_000, 1_600_000_000)
      const up = await clients.run('scp', '-qp', file, `${host}:/tmp/there`)
      assert.equal(up.code, 0, up.stderr)
      const seen = await clients.run('ssh', host, 'stat -c "%a %Y %s" /tmp/there')
      assert.equal(seen.stdout.toString(), '640 1600000000 4\n', seen.stderr)
      const batch = path.join(runner.home, 'batch')
      const back = path.join(runner.home, 'back')
      fs.writeFileSync(batch, `get /tmp/there ${back}\n-put ${file} /usr/there\n`)
      fs.lchownSync(batch, runner.uid, runner.gid)
      const byHand = await clients.run('sftp', '-q', '-b', batch, host)
      assert.equal(byHand.code, 0, byHand.stderr)
      assert.match(byHand.stderr, /\/usr\/there.*(?:Permission denied|Failure)/)
      assert.equal(fs.readFileSync(back, 'utf8'), 'deep')
    })

    await t.test('a client that is killed leaves no program in the guest', async () => {
      const child = clients.start('ssh', host, 'echo running; exec sleep 4711')
      await new Promise<void>((resolve) => void child.stdout?.once('data', () => resolve()))
      child.kill('SIGKILL')
      const until =
        'while cat /proc/[0-9]*/cmdline 2>/dev/null | tr "\\0" " " | grep -q "sleep [4]711"; do :; done; echo gone'
      const gone = await clients.run('ssh', host, until)
      assert.equal(gone.stdout.toString(), 'gone\n', gone.stderr)
    })

    await t.test('a machine that stands still for some seconds loses nobody who is in it', async () => {
      const qemu = qemuBelow(box.owner.pid ?? 0)
      const ssh = clients.start('ssh', host, 'echo ready; read word; echo "$word"')
      const { child, ended: told } = box.verb('exec', box.name, '--', 'sh', '-c', 'echo ready; read word; echo "$word"')
      await Promise.all([ssh, child].map(async ({ stdout }) => once(stdout ?? assert.fail(), 'data')))
      process.kill(qemu, 'SIGSTOP')
      try {
        await setTimeout(3000)
      } finally {
        process.kill(qemu, 'SIGCONT')
      }
      for (const { stdin } of [ssh, child]) stdin?.end('still\n')
      assert.equal((await ended(ssh)).stdout.toString(), 'still\n')
      const { stdout, stderr, code } = await told
      assert.deepEqual([stdout, code], ['ready\nstill\n', 0], stderr)
    })
  },
)
