import assert from 'node:assert/strict'
import { test } from 'node:test'
import fc from 'fast-check'
import { compare, same, type Change, type State, type States } from './compare.ts'
import { above, byPlace, parentOf } from './path.ts'

const file = (content: string, mode: number = 0o644): State => ({ kind: 'file', mode, content })
const directory = (mode: number = 0o755): State => ({ kind: 'directory', mode, content: '' })
const tree = (entries: Readonly<Record<string, State>>): States => new Map(Object.entries(entries))

/** What the host has once the changes are made, in the order in which they are: a model of a file system that refuses what one refuses. */
function applied(host: States, changes: readonly Change[]): States {
  const result = new Map(host)
  const put = ({ path, is }: Change): void => {
    const parent = parentOf(path)
    assert.ok(
      is !== undefined && (parent === '' || result.get(parent)?.kind === 'directory'),
      `no directory for ${path}`,
    )
    const isLeaf = ![...result.keys()].some((other) => other.startsWith(`${path}/`))
    assert.ok(is.kind === 'directory' || isLeaf, `${path} is not empty`)
    result.set(path, is)
  }
  const remove = ({ path }: Change): void => {
    assert.ok(![...result.keys()].some((other) => other.startsWith(`${path}/`)), `${path} is not empty`)
    result.delete(path)
  }
  const deletes = changes.filter(({ op }) => op === 'delete').toReversed()
  for (const change of deletes) remove(change)
  for (const change of changes.filter(({ op }) => op !== 'delete')) put(change)
  return result
}

test('what the sandbox did is taken over where the host is as it was', () => {
  const original = tree({ a: file('1'), b: file('1'), d: directory(), 'd/c': file('1') })
  const sandbox = tree({ a: file('2'), d: directory(), 'd/new': file('3') })
  const { changes, conflicts } = compare({ original, host: original, sandbox })
  assert.deepEqual(
    changes.map(({ path, op }) => `${op} ${path}`),
    ['change a', 'delete b', 'delete d/c', 'add d/new'],
  )
  assert.deepEqual(conflicts, [])
})

test('what both have changed stays as the host has it, unless both did the same', () => {
  const original = tree({ a: file('1'), b: file('1'), c: file('1') })
  const host = tree({ a: file('host'), b: file('both'), e: file('host') })
  const sandbox = tree({ a: file('sandbox'), b: file('both'), c: file('sandbox'), e: file('sandbox') })
  const { changes, conflicts } = compare({ original, host, sandbox })
  assert.deepEqual(changes, [])
  assert.deepEqual(
    conflicts.map(({ path, why }) => `${path} ${why}`),
    ['a changed', 'c deleted', 'e added'],
  )
})

test('a directory in which the host has something new is not removed, and what was in it is', () => {
  const original = tree({ d: directory(), 'd/old': file('1') })
  const host = tree({ d: directory(), 'd/old': file('1'), 'd/new': file('host') })
  const { changes, conflicts } = compare({ original, host, sandbox: tree({}) })
  assert.deepEqual(
    changes.map(({ path }) => path),
    ['d/old'],
  )
  assert.deepEqual(
    conflicts.map(({ path, why }) => `${path} ${why}`),
    ['d not-empty'],
  )
})

test('nothing is put into a directory that the host has removed or replaced', () => {
  const original = tree({ d: directory(), e: directory() })
  const host = tree({ e: file('host') })
  const sandbox = tree({
    d: directory(),
    'd/a': file('1'),
    'd/s': directory(),
    'd/s/b': file('1'),
    e: directory(),
    'e/c': file('1'),
  })
  const { changes, conflicts } = compare({ original, host, sandbox })
  assert.deepEqual(changes, [])
  assert.deepEqual(
    conflicts.map(({ path }) => path),
    ['d/a', 'd/s', 'd/s/b', 'e/c'],
  )
})

test('a mode is a change of its own, of files and of directories', () => {
  const original = tree({ a: file('1'), d: directory() })
  const sandbox = tree({ a: file('1', 0o755), d: directory(0o700) })
  const { changes } = compare({ original, host: original, sandbox })
  assert.deepEqual(
    changes.map(({ path, op }) => `${op} ${path}`),
    ['change a', 'change d'],
  )
})

// ── Any three trees ─────────────────────────────────────────────────────────────────────────────────────────────

const name = fc.constantFrom('a', 'b', 'c')
const path = fc.array(name, { minLength: 1, maxLength: 3 }).map((parts) => parts.join('/'))
const state: fc.Arbitrary<State> = fc.oneof(
  fc.record({
    kind: fc.constant('file' as const),
    mode: fc.constantFrom(0o644, 0o600),
    content: fc.constantFrom('1', '2'),
  }),
  fc.record({ kind: fc.constant('link' as const), mode: fc.constant(0), content: fc.constantFrom('1', '2') }),
  fc.record({ kind: fc.constant('directory' as const), mode: fc.constantFrom(0o755, 0o700), content: fc.constant('') }),
)

/** Only what can stand on a disk: above everything is a directory. */
function real(entries: readonly (readonly [string, State])[]): States {
  const all = new Map(entries)
  for (const at of [...all.keys()].sort(byPlace)) {
    if (above(at).some((parent) => all.get(parent)?.kind !== 'directory')) all.delete(at)
  }
  return all
}

const anyTree = fc.array(fc.tuple(path, state), { maxLength: 14 }).map(real)
/** Three trees that have much in common. */
const three = fc
  .tuple(
    anyTree,
    fc.array(fc.tuple(path, fc.option(state)), { maxLength: 5 }),
    fc.array(fc.tuple(path, fc.option(state)), { maxLength: 5 }),
  )
  .map(([original, hostEdits, sandboxEdits]) => ({
    original,
    host: edited(original, hostEdits),
    sandbox: edited(original, sandboxEdits),
  }))

function edited(tree: States, edits: readonly (readonly [string, State | null])[]): States {
  const all = new Map(tree)
  for (const [at, is] of edits) {
    if (is === null) all.delete(at)
    else all.set(at, is)
  }
  return real([...all])
}

const anyThree = fc.oneof(three, fc.record({ original: anyTree, host: anyTree, sandbox: anyTree }))
const runs = { numRuns: 3000 }
const equal = (a: States, b: States): boolean => a.size === b.size && [...a].every(([at, is]) => same(is, b.get(at)))

test('of any three trees the changes can be made one after the other, and lose nothing that the host did', () => {
  fc.assert(
    fc.property(anyThree, (trees) => {
      const { changes, conflicts } = compare(trees)
      const result = applied(trees.host, changes)
      for (const at of new Set([...trees.original.keys(), ...trees.host.keys()])) {
        const [o, h] = [trees.original.get(at), trees.host.get(at)]
        if (!same(o, h)) assert.ok(same(result.get(at), h), `${at} was changed by the host`)
      }
      // All that the sandbox did is there now, or is told.
      const told = new Set(conflicts.map((conflict) => conflict.path))
      for (const at of new Set([...trees.original.keys(), ...trees.sandbox.keys()])) {
        const [o, s, r] = [trees.original.get(at), trees.sandbox.get(at), result.get(at)]
        const isThere = same(r, s) || (o === undefined && s?.kind === 'directory' && r?.kind === 'directory')
        assert.ok(same(o, s) || isThere || told.has(at), `${at} is not told`)
      }
    }),
    runs,
  )
})

test('where the host did nothing it has what the sandbox has, and where the sandbox did nothing, nothing happens', () => {
  fc.assert(
    fc.property(anyTree, anyTree, (original, other) => {
      const { changes, conflicts } = compare({ original, host: original, sandbox: other })
      assert.deepEqual(conflicts, [])
      assert.ok(equal(applied(original, changes), other))
      assert.deepEqual(compare({ original, host: other, sandbox: original }), { changes: [], conflicts: [] })
    }),
    runs,
  )
})

test('what was taken over is not taken over again: going on after an interruption is the same as not being interrupted', () => {
  fc.assert(
    fc.property(anyThree, fc.nat(), (trees, cut) => {
      const { changes } = compare(trees)
      const done = [
        ...changes.filter(({ op }) => op === 'delete').toReversed(),
        ...changes.filter(({ op }) => op !== 'delete'),
      ]
      const half = new Map(trees.host)
      for (const { path: at, is } of done.slice(0, cut % (done.length + 1))) {
        if (is === undefined) half.delete(at)
        else half.set(at, is)
      }
      const rest = compare({ ...trees, host: half })
      assert.ok(equal(applied(half, rest.changes), applied(trees.host, changes)))
    }),
    runs,
  )
})
