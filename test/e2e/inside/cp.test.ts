import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import * as fs from 'node:fs'
import path from 'node:path'
import { test } from 'node:test'
import { usualRunners, type Runner } from '../../support/as-user.ts'
import { running, type Running } from '../../support/running.ts'

/** A directory of the runner's on the host. */
function workplace(runner: Runner): string {
  const directory = fs.mkdtempSync(path.join(runner.home, 'cp-'))
  own(runner, directory)
  return directory
}

function own(runner: Runner, file: string): void {
  fs.lchownSync(file, runner.uid, runner.gid)
}

function put(runner: Runner, file: string, contents: string | Buffer, mode: number = 0o644): string {
  fs.writeFileSync(file, contents, { mode })
  fs.chmodSync(file, mode)
  own(runner, file)
  return file
}

function make(runner: Runner, directory: string, mode: number = 0o755): string {
  fs.mkdirSync(directory)
  fs.chmodSync(directory, mode)
  own(runner, directory)
  return directory
}

const inside = async (box: Running, script: string): Promise<string> => {
  const { stdout, stderr, code } = await box.exec('sh', '-c', script)
  assert.equal(code, 0, stderr)
  return stdout
}

for (const runner of usualRunners()) {
  const as = ` (${runner.name})`

  test(`a tree goes in and comes out with contents, modes, times and links${as}`, async (t) => {
    const box = await running(t, runner)
    const base = workplace(runner)
    const tree = make(runner, path.join(base, 'tree'))
    const bytes = randomBytes(3_000_000)
    put(runner, path.join(tree, 'large.bin'), bytes)
    put(runner, path.join(tree, 'run.sh'), '#!/bin/sh\n', 0o755)
    put(runner, path.join(make(runner, path.join(tree, 'sub dir'), 0o700), 'ü'), 'deep')
    fs.symlinkSync('sub dir/ü', path.join(tree, 'link'))
    own(runner, path.join(tree, 'link'))
    fs.utimesSync(path.join(tree, 'run.sh'), 1_600_000_000.25, 1_600_000_000.25)
    fs.utimesSync(path.join(tree, 'sub dir'), 1_500_000_000, 1_500_000_000)

    const into = await box.verb('cp', tree, `${box.name}:/tmp/copied`).ended
    assert.equal(into.code, 0, into.stderr)
    assert.equal(
      await inside(box, 'cat "/tmp/copied/link"; stat -c %a /tmp/copied/run.sh "/tmp/copied/sub dir"'),
      'deep755\n700\n',
    )
    assert.equal(
      (await inside(box, 'sha256sum < /tmp/copied/large.bin')).slice(0, 64),
      createHash('sha256').update(bytes).digest('hex'),
    )

    const back = path.join(base, 'back')
    const out = await box.verb('cp', `${box.name}:/tmp/copied`, back).ended
    assert.equal(out.code, 0, out.stderr)
    assert.ok(fs.readFileSync(path.join(back, 'large.bin')).equals(bytes))
    assert.equal(fs.readFileSync(path.join(back, 'link'), 'utf8'), 'deep')
    assert.equal(fs.readlinkSync(path.join(back, 'link')), 'sub dir/ü')
    assert.equal(fs.statSync(path.join(back, 'run.sh')).mode & 0o777, 0o755)
    assert.equal(fs.statSync(path.join(back, 'run.sh')).mtimeMs, 1_600_000_000_250)
    assert.equal(fs.statSync(path.join(back, 'sub dir')).mtimeMs, 1_500_000_000_000)
    assert.equal(fs.statSync(back).uid, runner.uid)
    assert.deepEqual(fs.readdirSync(base).sort(), ['back', 'tree'], 'nothing else is left')
  })

  test(`links go in as they are, wherever they lead, and nothing goes through one${as}`, async (t) => {
    const box = await running(t, runner)
    const base = workplace(runner)
    const tree = make(runner, path.join(base, 'tree'))
    const links = { absolute: '/etc/hostname', up: '../..', nowhere: 'missing/file' }
    for (const [name, to] of Object.entries(links)) {
      fs.symlinkSync(to, path.join(tree, name))
      own(runner, path.join(tree, name))
    }
    put(runner, path.join(tree, 'z'), 'the last one')
    const into = await box.verb('cp', tree, `${box.name}:/tmp/copied`).ended
    assert.equal(into.code, 0, into.stderr)
    assert.equal(
      await inside(box, 'cd /tmp/copied; for each in absolute up nowhere; do readlink $each; done; cat z'),
      '/etc/hostname\n../..\nmissing/file\nthe last one',
    )
    // A directory where such a link stands already.
    const over = make(runner, path.join(base, 'over'))
    put(runner, path.join(make(runner, path.join(over, 'up')), 'planted'), 'x')
    const through = await box.verb('cp', `${over}/.`, `${box.name}:/tmp/copied`).ended
    assert.notEqual(through.code, 0)
    assert.equal(await inside(box, 'ls /planted /tmp/planted /tmp/copied/planted 2>/dev/null || echo none'), 'none\n')
  })

  test(`where it goes is what docker cp would make of it${as}`, async (t) => {
    const box = await running(t, runner)
    const base = workplace(runner)
    const file = put(runner, path.join(base, 'f'), 'one')
    const tree = make(runner, path.join(base, 'd'))
    put(runner, path.join(tree, 'x'), 'x')
    const cp = async (from: string, to: string): Promise<number | null> => (await box.verb('cp', from, to).ended).code
    const b = box.name
    await inside(box, 'mkdir /tmp/dir')
    assert.equal(await cp(file, `${b}:/tmp/dir`), 0)
    assert.equal(await cp(file, `${b}:/tmp/dir/`), 0)
    assert.equal(await cp(file, `${b}:/tmp/new`), 0)
    assert.equal(await cp(tree, `${b}:/tmp/dir`), 0)
    assert.equal(await cp(`${tree}/.`, `${b}:/tmp/dir`), 0)
    assert.equal((await inside(box, 'cd /tmp; find dir new | sort')).trim(), 'dir\ndir/d\ndir/d/x\ndir/f\ndir/x\nnew')
    // What cannot be: each is refused, and changes nothing.
    assert.equal(await cp(file, `${b}:/tmp/none/`), 1)
    assert.equal(await cp(file, `${b}:/tmp/none/f`), 1)
    assert.equal(await cp(tree, `${b}:/tmp/new`), 1)
    await inside(box, 'mkdir /tmp/dir/f2; rm -r /tmp/dir/d; touch /tmp/dir/d')
    assert.equal(await cp(put(runner, path.join(base, 'f2'), ''), `${b}:/tmp/dir`), 1)
    assert.equal(await cp(tree, `${b}:/tmp/dir`), 1)
    assert.equal(await cp(path.join(base, 'never'), `${b}:/tmp`), 1)
    // The other way.
    assert.equal(await cp(`${b}:/tmp/new`, base), 0)
    assert.equal(fs.readFileSync(path.join(base, 'new'), 'utf8'), 'one')
    assert.equal(await cp(`${b}:/tmp/new`, path.join(base, 'other')), 0)
    assert.equal(await cp(`${b}:/tmp/dir/.`, base), 1, 'f2 and d are of the other kind')
    assert.equal(await cp(`${b}:/tmp/dir`, path.join(base, 'f')), 1)
    assert.equal(await cp(`${b}:/tmp/never`, base), 1)
    assert.equal(await cp(`${b}:/tmp/new`, path.join(base, 'none/')), 1)
    assert.equal(await cp(file, path.join(base, 'g')), 2)
    assert.equal(await cp(`${b}:/a`, `${b}:/b`), 2)
    assert.equal(fs.readdirSync(base).filter((name) => name.startsWith('.')).length, 0)
  })

  test(`what a hostile sandbox plants leads nowhere${as}`, async (t) => {
    const box = await running(t, runner)
    const base = workplace(runner)
    const precious = put(runner, path.join(base, 'precious'), 'mine')
    await inside(
      box,
      `mkdir /tmp/d; cd /tmp/d; ln -s ${base} out; ln -s /etc/shadow shadow; ln -s ../../../precious up; mkfifo pipe; echo fine > fine`,
    )
    const { code, stderr } = await box.verb('cp', `${box.name}:/tmp/d`, path.join(base, 'd')).ended
    assert.equal(code, 1)
    for (const name of ['out', 'shadow', 'up', 'pipe']) assert.match(stderr, new RegExp(`^ .*${name}`, 'm'))
    assert.deepEqual(fs.readdirSync(path.join(base, 'd')), ['fine'])
    // A link that stands here already, planted through a shared directory: not gone through, not written through.
    fs.symlinkSync(base, path.join(base, 'd/again'))
    fs.symlinkSync(precious, path.join(base, 'd/file'))
    await inside(box, 'cd /tmp/d; rm -f *; mkdir again; echo theirs > again/precious; echo theirs > file')
    assert.equal((await box.verb('cp', `${box.name}:/tmp/d/.`, path.join(base, 'd')).ended).code, 1)
    assert.equal(fs.readFileSync(precious, 'utf8'), 'mine')
  })

  test(`a tree full of pipes with long names is copied without them, and they are told${as}`, async (t) => {
    const box = await running(t, runner)
    const base = workplace(runner)
    const name = 'x'.repeat(240)
    await inside(box, `mkdir /tmp/t; cd /tmp/t; for i in $(seq 1 120); do mkfifo ${name}$i; done; echo hi > ok`)
    const { code, stderr } = await box.verb('cp', `${box.name}:/tmp/t`, base).ended
    assert.equal(code, 1, stderr)
    assert.match(stderr, /left out/)
    assert.deepEqual(fs.readdirSync(path.join(base, 't')), ['ok'])
  })

  test(`a file that the kernel makes while it is read is never copied as an empty one${as}`, async (t) => {
    const box = await running(t, runner)
    const base = workplace(runner)
    const alone = await box.verb('cp', `${box.name}:/proc/self/status`, base).ended
    assert.equal(alone.code, 1)
    assert.match(alone.stderr, /proc\/self\/status: has no size before it is read.*cat/)
    const among = await box.verb('cp', `${box.name}:/proc/self/net`, base).ended
    assert.equal(among.code, 1)
    assert.match(among.stderr, /left out/)
    assert.match(among.stderr, /net\/tcp$/m)
    assert.deepEqual(
      fs.readdirSync(base, { recursive: true, encoding: 'utf8' }).filter((name) => name.endsWith('tcp')),
      [],
    )
    // One that is empty is empty.
    await inside(box, ': > /tmp/empty')
    assert.equal((await box.verb('cp', `${box.name}:/tmp/empty`, base).ended).code, 0)
    assert.equal(fs.statSync(path.join(base, 'empty')).size, 0)
  })

  test(`archives go through by - as they are${as}`, async (t) => {
    const box = await running(t, runner)
    const base = workplace(runner)
    const tree = make(runner, path.join(base, 'tree'))
    put(runner, path.join(tree, 'f'), 'in the archive')
    const made = runner.spawnSync('tar', ['-c', '-f', path.join(base, 'a.tar'), '-C', base, 'tree'])
    assert.equal(made.status, 0, made.stderr)
    const { child, ended } = box.verb('cp', '-', `${box.name}:/tmp`)
    child.stdin?.end(fs.readFileSync(path.join(base, 'a.tar')))
    const into = await ended
    assert.equal(into.code, 0, into.stderr)
    assert.equal(await inside(box, 'cat /tmp/tree/f'), 'in the archive')
    const out = box.verb('cp', `${box.name}:/tmp/tree`, '-')
    const parts: Buffer[] = []
    out.child.stdout?.on('data', (chunk: Buffer) => parts.push(chunk))
    assert.equal((await out.ended).code, 0)
    put(runner, path.join(base, 'b.tar'), Buffer.concat(parts))
    const list = runner.spawnSync('tar', ['-x', '-O', '-f', path.join(base, 'b.tar'), 'tree/f'])
    assert.equal(list.stdout, 'in the archive', list.stderr)
  })

  test(`Ctrl-C in the middle leaves nothing behind, and kill -9 nothing after the next copy${as}`, async (t) => {
    const box = await running(t, runner)
    const base = workplace(runner)
    await inside(box, 'head -c 200000000 /dev/zero > /tmp/large')
    for (const [signal, left] of [
      ['SIGINT', 0],
      ['SIGKILL', 1],
    ] as const) {
      const { child, ended } = box.verb('cp', `${box.name}:/tmp/large`, path.join(base, 'large'))
      await until(() => fs.readdirSync(base).some((name) => stageSize(path.join(base, name)) > 0))
      child.kill(signal)
      const end = await ended
      if (signal === 'SIGINT') assert.equal(end.code, 130, end.stderr)
      assert.equal(fs.readdirSync(base).length, left)
    }
    assert.equal((await box.verb('cp', `${box.name}:/etc/passwd`, base).ended).code, 0)
    assert.deepEqual(fs.readdirSync(base), ['passwd'])
  })
}

function stageSize(directory: string): number {
  try {
    return fs.statSync(path.join(directory, 'copy')).size
  } catch {
    return 0 // not there yet
  }
}

async function until(isSo: () => boolean): Promise<void> {
  while (!isSo()) await new Promise((resolve) => setImmediate(resolve))
}
