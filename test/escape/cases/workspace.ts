import assert from 'node:assert/strict'
import { execFileSync } from 'node:child_process'
import { existsSync, lstatSync, readdirSync, statSync } from 'node:fs'
import path from 'node:path'
import { test, type TestContext } from 'node:test'
import type { Runner } from '../../support/as-user.ts'
import { eventually } from '../../support/eventually.ts'
import { exec, sh, type Place } from '../../support/workspace.ts'

/** What is beside the workspace, and nobody gave to the sandbox. */
function outside(box: Place): { directory: string; look: () => string } {
  const directory = path.join(path.dirname(box.directory), 'outside')
  box.put('../outside/precious', 'mine')
  box.put('../outside/in/deep', 'mine')
  const look = (): string =>
    execFileSync('find', [directory, '-printf', '%p %y %m %U %s %i %C@ %T@\n'], { encoding: 'utf8' })
  return { directory, look }
}

/** Whose sandboxes get copies of workspaces, and behind which wall. */
export interface WorkspaceGround {
  /** At the end of each title. */
  readonly as: string
  readonly runner: Runner
  readonly placed: (t: TestContext, name: string) => Place
  readonly flags: readonly string[]
  /** The copy is on the host: links that lead out are in it, and what cannot be taken over waits there for a person. */
  readonly isHere: boolean
}

/** What a sandbox makes of its copy must not harm what is outside of the workspace when its changes are taken over. */
export function workspaceCases({ as, runner, placed, flags, isHere }: WorkspaceGround): void {
  const start = (box: Place, ...more: string[]): string[] => exec(box.directory, ...flags, ...more)

  test(`links in the place of directories and files lead nothing out, when they are taken over and when they are restored${as}`, async (t) => {
    const box = placed(t, 'links')
    const { directory, look } = outside(box)
    for (const name of ['d/precious', 'd/in/deep', 'f']) box.put(name, 'the project’s')
    const before = look()
    const plant = `cd /workspace; rm -r d; ln -s '${directory}' d; rm f; ln -s '${directory}/precious' f; ln -s ../outside up; ln -s '${directory}/new' dangling`
    const { code, stderr } = box.verb(...start(box, '--sync', 'yes'), ...sh(plant))
    assert.equal(code, 0, stderr)
    assert.equal(look(), before)
    assert.ok(lstatSync(path.join(box.directory, 'd')).isSymbolicLink())
    assert.match(stderr, /d: a link that leads out of the workspace/)
    // Now the links are there, and what goes below them must not follow them.
    const again = box.verb(
      ...start(box, '--sync', 'yes'),
      ...sh(
        // A machine's copy is without links that lead out.
        `cd /workspace; ${isHere ? 'rm' : 'rm -f'} d f up; mkdir d; echo evil > d/precious; echo evil > f; mkdir up; echo evil > up/precious`,
      ),
    )
    assert.equal(again.code, 0, again.stderr)
    assert.equal(look(), before)
    // What was not in the copy stays as it is, too.
    if (isHere) assert.equal(box.read('f'), 'evil\n')
    else assert.ok(lstatSync(path.join(box.directory, 'f')).isSymbolicLink())
    for (const name of box.backups().toReversed()) {
      assert.equal(box.verb('workspace', 'restore', name).code, 0)
    }
    assert.equal(look(), before)
    assert.equal(box.read('d/in/deep'), 'the project’s')
  })

  test(`without a yes no link that leads out is made at all${as}`, async (t) => {
    const box = placed(t, 'unasked')
    const { directory, look } = outside(box)
    box.put('d/precious', 'the project’s')
    const before = look()
    box.verb(...start(box), ...sh(`cd /workspace; rm -r d; ln -s '${directory}' d; ln -s ../outside/precious b`))
    assert.equal(look(), before)
    assert.ok(!lstatSync(path.join(box.directory, 'd')).isSymbolicLink() && !existsSync(path.join(box.directory, 'b')))
  })

  test(`names that a terminal would obey are shown and not sent, and are taken over as they are${as}`, async (t) => {
    const box = placed(t, 'names')
    const { code, stderr, stdout } = box.verb(
      ...start(box),
      ...sh(
        `cd /workspace; touch "$(printf 'a\\nglovebox: all is well')" "$(printf '\\033]0;owned\\007')" "$(printf 'bad\\377utf8')"; mkdir .vscode; touch "$(printf '.vscode/\\033[2Jx')"`,
      ),
    )
    assert.equal(code, 0, stderr)
    assert.ok(
      !`${stdout}${stderr}`.includes('\u{1b}') && !stderr.includes('\nglovebox: all is well'),
      JSON.stringify(stderr),
    )
    assert.match(stderr, /\.vscode\/\\u\{1b\}\[2Jx/)
    const names = readdirSync(box.directory, { encoding: 'latin1' }).toSorted()
    assert.deepEqual(names, ['\u{1b}]0;owned\u{7}', '.vscode', 'a\nglovebox: all is well', 'bad\u{ff}utf8'])
  })

  test(`rights to be somebody else, sockets and pipes do not come along${as}`, async (t) => {
    const box = placed(t, 'special')
    box.put('was', 'a file')
    const script = `import os, socket
os.chdir('/workspace')
for name, mode in (('suid', 0o6755), ('sgid', 0o2755)):
    open(name, 'w').write('x')
    try: os.chmod(name, mode)
    except PermissionError: os.chmod(name, 0o755)
os.unlink('was')
for make in (lambda: socket.socket(socket.AF_UNIX).bind('was'), lambda: socket.socket(socket.AF_UNIX).bind('sock'), lambda: os.mkfifo('pipe')):
    try: make()
    except PermissionError: pass
`
    box.put('plant.py', script)
    const { code, stderr } = box.verb(...start(box), '--', 'python3', '/workspace/plant.py')
    assert.equal(code, 0, stderr)
    for (const name of ['suid', 'sgid']) assert.equal(statSync(path.join(box.directory, name)).mode & 0o7777, 0o755)
    for (const name of ['sock', 'pipe']) assert.ok(!existsSync(path.join(box.directory, name)), name)
    // A file that became something else is not taken for one that was deleted; one that is gone is.
    if (stderr.includes('left out')) assert.equal(box.read('was'), 'a file')
  })

  test(`a tree without end, or with closed doors, neither hangs nor harms, and can be thrown away${as}`, async (t) => {
    const box = placed(t, 'deep')
    box.put('a', 'first')
    const script = `import os
os.chdir('/workspace')
open('a', 'w').write('second')
for i in range(2000):
    os.mkdir('d')
    os.chdir('d')
`
    box.put('deep.py', script)
    const { code, stderr } = box.verb(...start(box), '--', 'python3', '/workspace/deep.py')
    assert.equal(code, 1)
    assert.match(stderr, isHere ? /directories inside each other/ : /changes are gone.*deeper than 128 levels/)
    assert.equal(box.read('a'), 'first')
    if (isHere) assert.equal(box.verb('workspace', 'discard', /sync (gbx-\w+)/.exec(stderr)?.[1] ?? '').code, 0)
    assert.deepEqual(box.copies(), [])
    // Closed by their modes.
    const closed = box.verb(...start(box), ...sh('cd /workspace; mkdir -p c/d; echo x > c/d/e; chmod 0 c/d/e c/d c'))
    assert.equal(closed.code, 0, closed.stderr)
    assert.equal(statSync(path.join(box.directory, 'c')).mode & 0o777, 0)
    assert.deepEqual(box.copies(), [])
  })

  test(`a directory that is swapped for a link while changes are taken over leads nothing out${as}`, async (t) => {
    const box = placed(t, 'swap')
    const { directory, look } = outside(box)
    const names = Array.from({ length: 400 }, (_, index) => `f${index}`)
    for (const name of names) {
      box.put(`d/${name}`, 'first')
      box.put(`../outside/${name}`, 'mine')
    }
    const before = look()
    const work =
      'cd /workspace/d; for f in f*; do echo second > $f; done; rm f1* ; for i in $(seq 200); do echo x > n$i; done'
    const { stderr } = box.verb(...start(box, '--sync', 'no'), ...sh(work))
    const id = /sync (gbx-\w+)/.exec(stderr)?.[1] ?? ''
    const waiting = box.copies().map((name) => name.split('.')[0])
    assert.deepEqual(waiting, [id], 'the changes wait to be taken over')
    // As another sandbox with write access to the same directory could.
    const swapper = box.put(
      '../swap.mjs',
      `import fs from 'node:fs'
       process.chdir(${JSON.stringify(box.directory)})
       process.stdout.write('swapping')
       for (;;) { fs.renameSync('d', 'away'); fs.symlinkSync(${JSON.stringify(directory)}, 'd'); fs.unlinkSync('d'); fs.renameSync('away', 'd') }`,
    )
    const racer = runner.spawn(runner.node, [swapper], { stdio: 'pipe' })
    let said = ''
    racer.stdout?.on('data', (chunk: Buffer) => (said += chunk.toString()))
    await eventually(() => (said === 'swapping' ? true : undefined))
    try {
      for (let round = 0; round < 3 && box.copies().length > 0; round += 1)
        box.verb('workspace', 'sync', id, '--sync', 'yes')
      assert.equal(racer.exitCode, null, 'it did not swap all the while')
    } finally {
      racer.kill('SIGKILL')
    }
    assert.equal(look(), before)
  })
}
