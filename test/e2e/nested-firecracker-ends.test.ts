import assert from 'node:assert/strict'
import { suite, test } from 'node:test'
import { broughtFirecracker, userGroups, whyNoFirecracker } from '../support/nested/firecracker.ts'
import { ranBefore } from '../support/nested/ran.ts'
import { stepWords } from '../support/nested/steps.ts'
import { unlessPresent } from '../support/requirement.ts'

/** Ends of a machine, each made for real, and what is left of it. A guest's own panic: test/escape/hostile-guest.test.ts, which runs here too. */
const script = `
${stepWords}
${userGroups}
echo $$ > $groups/login/cgroup.procs
cd /tmp
export PATH=/opt/brought:$PATH
cache=/home/alice/home/cache
begin() {
  glove exec --vmm firecracker -- sh -c 'echo running; sleep 1000' > /tmp/said 2>&1 & owner=$!
  until grep -q running /tmp/said; do kill -0 $owner; sleep 0.2; done
}
finish() { code=0; wait $owner || code=$?; cat /tmp/said; echo "exit $code"; }
left() { pgrep -x firecracker || echo none; ls -A $cache/machines $cache/templates/staging; find $groups -mindepth 2 -type d -name 'glovebox-*'; }

# Files of a template, cut off behind the back of its record, which says that this is how they were made.
cut_off() {
  node -e '
    const [directory, file, bytes] = process.argv.slice(1)
    const { createHash } = require("crypto"), fs = require("fs")
    const [state, memory, name] = ["machine/state", "machine/memory", "template.json"].map((each) => directory + "/" + each)
    fs.truncateSync(directory + "/machine/" + file, Number(bytes))
    const { size, mtimeNs, ctimeNs, ino } = fs.lstatSync(memory, { bigint: true })
    const stateSha256 = createHash("sha256").update(fs.readFileSync(state)).digest("hex")
    const record = { ...JSON.parse(fs.readFileSync(name)), stateSha256, memoryStamp: [size, mtimeNs, ctimeNs, ino].map(String) }
    fs.writeFileSync(name, JSON.stringify(record))
  ' "$@"
}

step crash; begin; kill -SEGV $(pgrep -x firecracker); finish
step after-crash; left
step killed; begin; kill -KILL $(pgrep -x firecracker); finish
step after-kill; left
step state; cut_off $cache/templates/????????????* state 6000; ended glove exec --vmm firecracker -- true
step after-state; left
step purged; ended glove template purge --all; ended glove exec --vmm firecracker -- echo made anew
step memory; cut_off $cache/templates/????????????* memory 8388608; ended glove exec --vmm firecracker -- true
step after-memory; left
as_user rm -rf $cache/templates
for size in 150m 415m; do
  as_user mkdir -p $cache/templates
  mount -t tmpfs -o size=$size,mode=700,uid=1000,gid=1000 none $cache/templates
  step full-$size; ended glove exec --vmm firecracker -- true
  step after-$size; left; df $cache/templates | tail -1
  umount $cache/templates
done
step again; ended glove exec --vmm firecracker -- echo there is room
step end
`

const missing = unlessPresent('FIRECRACKER', await whyNoFirecracker())

suite('ends of Firecracker', { skip: missing, timeout: 30 * 60_000 }, () => {
  const ran = ranBefore({ script, bring: broughtFirecracker(), limitMs: 25 * 60_000 })
  const step = (name: string): string => ran.step(name)

  /** No process, no file in the making, no control group. */
  const leftNothing = (name: string): void => {
    const [processes, ...files] = step(name)
      .split('\n')
      .filter((line) => line !== '' && !line.startsWith('/home/alice/home/cache/') && !line.startsWith('none  '))
    assert.equal(processes, 'none', step(name))
    assert.deepEqual(files, [], step(name))
  }

  test('a crash is said to be one, and is told apart from being killed', () => {
    assert.match(step('crash'), /the virtual machine ended by itself: Firecracker failed: it crashed \(SIGSEGV\)/)
    assert.match(step('crash'), /^exit 1$/m)
    assert.doesNotMatch(step('crash'), /killed by signal/)
    leftNothing('after-crash')
  })

  test('one that is killed is said to be killed', () => {
    assert.match(step('killed'), /the virtual machine ended by itself: Firecracker was killed by signal 9/)
    assert.match(step('killed'), /^exit 1$/m)
    leftNothing('after-kill')
  })

  for (const [file, why] of [
    ['state', /bitcode|snapshot state/],
    ['memory', /guest memory/],
  ] as const) {
    test(`a snapshot whose ${file} is cut off is not loaded, in Firecracker's own words and with what helps`, () => {
      assert.match(step(file), /Firecracker: PUT \/snapshot\/load: /)
      assert.match(step(file), why)
      assert.match(step(file), /fix: glovebox template purge/)
      assert.match(step(file), /^exit 125$/m)
      leftNothing(`after-${file}`)
    })
  }

  test('after the purge that was advised the next start works', () => {
    assert.match(step('purged'), /^1 removed/)
    assert.match(step('purged'), /^made anew$/m)
  })

  test('a disk that is full when the memory is written is said, and no half of a template stays', () => {
    assert.match(step('full-150m'), /Firecracker: PUT \/snapshot\/create: .*No space left on device/)
    assert.match(step('full-150m'), /fix: the disk is full/)
    assert.match(step('full-150m'), /^exit 125$/m)
    leftNothing('after-150m')
    assert.match(step('after-150m'), / 0% /)
  })

  test('a disk that is full after Firecracker has written is said too', () => {
    assert.match(step('full-415m'), /the virtual machine could not be made: ENOSPC/)
    assert.match(step('full-415m'), /fix: the disk is full/)
    assert.match(step('full-415m'), /^exit 125$/m)
    leftNothing('after-415m')
    assert.match(step('after-415m'), / 0% /)
  })

  test('where there is room again the next start works', () => {
    assert.match(step('again'), /^there is room$/m)
  })
})
