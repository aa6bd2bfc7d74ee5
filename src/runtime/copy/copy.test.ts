import assert from 'node:assert/strict'
import * as fs from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test, type TestContext } from 'node:test'
import { createTarReader } from '../../inside/tar/reader.ts'
import { endOfArchive, headerOf, paddingFor, type TarItem } from '../../inside/tar/writer.ts'
import { openDirectory, type Directory } from '../../system/directory.ts'
import { formOf, parseEndpoint } from './endpoint.ts'
import { packContents, packEnd, packOne } from './pack.ts'
import { publish } from './publish.ts'
import { topName, unpackInto } from './unpack.ts'

interface Place {
  readonly base: string
  readonly stage: Directory
  readonly goal: Directory
}

function place(t: TestContext): Place {
  const base = fs.mkdtempSync(path.join(tmpdir(), 'glovebox-copy-'))
  for (const name of ['stage', 'goal', 'outside']) fs.mkdirSync(path.join(base, name))
  fs.writeFileSync(path.join(base, 'outside', 'precious'), 'mine')
  const [stage, goal] = ['stage', 'goal'].map((name) => openDirectory(path.join(base, name)))
  if (stage === undefined || goal === undefined) throw new Error('just made')
  t.after(() => {
    stage.close()
    goal.close()
    fs.rmSync(base, { recursive: true, force: true })
  })
  return { base, stage, goal }
}

type Entry = Partial<TarItem> & { readonly name: string; readonly text?: string }

const directory = (name: string, mode: number = 0o755): Entry => ({ name, kind: 'directory', mode })
const file = (name: string, text: string = '', mode: number = 0o644): Entry => ({ name, text, mode })
const link = (name: string, to: string): Entry => ({ name, kind: 'symlink', link: Buffer.from(to) })

function archiveOf(entries: readonly Entry[]): Buffer {
  const parts = entries.flatMap(({ name, text = '', ...rest }) => {
    const data = Buffer.from(text)
    const about: TarItem = {
      path: Buffer.from(name),
      kind: 'file',
      mode: 0o644,
      modifiedMs: 1_600_000_000_500,
      ...rest,
      size: data.length,
    }
    return [headerOf(about), data, paddingFor(data.length)]
  })
  return Buffer.concat([...parts, endOfArchive()])
}

async function unpack({ stage }: Place, entries: readonly Entry[]): Promise<readonly string[]> {
  const unpacked = unpackInto(stage, () => undefined)
  try {
    const reader = createTarReader(unpacked.sink)
    await reader.push(archiveOf(entries))
    reader.finish()
    unpacked.settle()
    return unpacked.leftOut
  } finally {
    unpacked.close()
  }
}

const put = ({ stage, goal }: Place, as: string = 'it'): void => publish(stage, topName, goal, Buffer.from(as))

test('A tree comes out with its contents, modes, times and links', async (t) => {
  const here = place(t)
  await unpack(here, [
    directory('top', 0o750),
    directory('top/closed', 0o500),
    file('top/closed/f', 'inner', 0o600),
    file('top/run', '#!/bin/sh\n', 0o755),
    link('top/l', 'closed/f'),
  ])
  put(here)
  const at = (name: string): string => path.join(here.base, 'goal/it', name)
  assert.equal(fs.readFileSync(at('closed/f'), 'utf8'), 'inner')
  assert.deepEqual(
    ['.', 'closed', 'closed/f', 'run'].map((name) => (fs.statSync(at(name)).mode & 0o7777).toString(8)),
    ['750', '500', '600', '755'],
  )
  assert.equal(fs.readlinkSync(at('l')), 'closed/f')
  for (const name of ['.', 'closed', 'run', 'l']) assert.equal(fs.lstatSync(at(name)).mtimeMs, 1_600_000_000_500, name)
  fs.chmodSync(at('closed'), 0o700)
})

test('An entry behind a link that the archive planted stays in it: nothing is written through a link', async (t) => {
  const attacks: Entry[][] = [
    [directory('top'), link('top/d', '../../../outside'), file('top/d/precious', 'theirs')],
    [directory('top'), directory('top/e'), link('top/d', 'e'), file('top/d/f', 'theirs')],
    [directory('top'), link('top/f', 'nowhere'), file('top/f', 'theirs')],
    [link('top', 'outside'), file('top/precious', 'theirs')],
    [directory('top'), file('other/f', 'theirs')],
    [file('top', 'a'), file('top', 'b')],
    [directory('top'), directory('top')],
    [directory('top'), file('top/f', 'a'), file('top/f', 'b')],
    [directory('a/b'), file('a/b/c')],
  ]
  for (const entries of attacks) {
    const here = place(t)
    await assert.rejects(unpack(here, entries), Error, JSON.stringify(entries.map(({ name }) => name)))
    assert.equal(fs.readFileSync(path.join(here.base, 'outside/precious'), 'utf8'), 'mine')
    assert.deepEqual(fs.readdirSync(path.join(here.base, 'outside')), ['precious'])
    assert.deepEqual(fs.readdirSync(path.join(here.base, 'goal')), [])
  }
})

test('Links that lead out are left out and named, the rest comes', async (t) => {
  const here = place(t)
  const leftOut = await unpack(here, [
    directory('top'),
    link('top/shadow', '/etc/shadow'),
    link('top/up', '../../outside'),
    link('top/bad\u{1b}]0;x\u{7}', '/x'),
    link('top/fine', './f'),
    file('top/f', 'x'),
  ])
  assert.deepEqual(leftOut, ['shadow -> /etc/shadow', 'up -> ../../outside', 'bad\\u{1b}]0;x\\u{7} -> /x'])
  assert.deepEqual(fs.readdirSync(path.join(here.base, 'stage/copy')).sort(), ['f', 'fine'])
})

test('However much a sandbox leaves out, only some of it is named, and cut', async (t) => {
  const here = place(t)
  const links = Array.from({ length: 1200 }, (_, index) => link(`top/l${index}`, `/${'\u{202e}'.repeat(1300)}`))
  const leftOut = await unpack(here, [directory('top'), ...links])
  assert.equal(leftOut.length, 1001)
  assert.equal(leftOut.at(-1), '(and 200 more)')
  assert.ok(leftOut.every((text) => text.length <= 512))
})

test('Of a tree no more is open than the way to its last entry, and each directory gets what is its own', async (t) => {
  const here = place(t)
  const open = (): number => fs.readdirSync('/proc/self/fd').length
  const before = open()
  const unpacked = unpackInto(here.stage, () => undefined)
  const reader = createTarReader(unpacked.sink)
  const siblings = Array.from({ length: 300 }, (_, index) => directory(`top/d${index}`, 0o500))
  await reader.push(archiveOf([directory('top', 0o700), ...siblings]))
  assert.ok(open() <= before + 2, `${open() - before} are open`)
  unpacked.settle()
  unpacked.close()
  assert.equal(open(), before)
  for (const name of ['d0', 'd150', 'd299']) {
    const stat = fs.statSync(path.join(here.base, 'stage/copy', name))
    assert.deepEqual([stat.mode & 0o777, stat.mtimeMs], [0o500, 1_600_000_000_500])
  }
  assert.equal(fs.statSync(path.join(here.base, 'stage/copy')).mtimeMs, 1_600_000_000_500)
})

test('What is there is replaced file by file, filled directory by directory, and never one by the other', async (t) => {
  const here = place(t)
  const at = (name: string): string => path.join(here.base, 'goal', name)
  fs.mkdirSync(at('it/sub'), { recursive: true })
  fs.writeFileSync(at('it/kept'), 'kept')
  fs.writeFileSync(at('it/sub/old'), 'old')
  await unpack(here, [directory('top'), directory('top/sub'), file('top/sub/old', 'new'), file('top/added', 'added')])
  put(here)
  const texts = ['it/kept', 'it/sub/old', 'it/added'].map((name) => fs.readFileSync(at(name), 'utf8'))
  assert.deepEqual(texts, ['kept', 'new', 'added'])

  for (const [entries, there, message] of [
    [[file('top', 'x')], 'it', /it is a directory here/],
    [[directory('top')], 'it/kept', /kept is no directory here/],
  ] as const) {
    const next = place(t)
    fs.cpSync(at('.'), path.join(next.base, 'goal'), { recursive: true })
    await unpack(next, entries)
    const [parent = '', name = parent] = there.split('/')
    const goal = there.includes('/') ? next.goal.child(Buffer.from(parent)) : next.goal
    assert.throws(() => publish(next.stage, topName, goal, Buffer.from(name)), message)
    if (goal !== next.goal) goal.close()
  }
})

test('A directory is not put through a link that stands in its place, and a file takes the place of the link itself', async (t) => {
  const here = place(t)
  fs.symlinkSync(path.join(here.base, 'outside'), path.join(here.base, 'goal/it'))
  await unpack(here, [directory('top'), file('top/precious', 'theirs')])
  assert.throws(() => put(here), /it is a link here/)
  const next = place(t)
  fs.symlinkSync(path.join(next.base, 'outside/precious'), path.join(next.base, 'goal/it'))
  await unpack(next, [file('top', 'theirs')])
  put(next)
  assert.equal(fs.lstatSync(path.join(next.base, 'goal/it')).isFile(), true)
  for (const { base } of [here, next])
    assert.equal(fs.readFileSync(path.join(base, 'outside/precious'), 'utf8'), 'mine')
})

test('A size beyond the disk is refused before a byte of it is written', async (t) => {
  const here = place(t)
  const unpacked = unpackInto(here.stage, () => undefined)
  const header = headerOf({ path: Buffer.from('f'), kind: 'file', mode: 0o644, size: 2 ** 49, modifiedMs: 0 })
  await assert.rejects(createTarReader(unpacked.sink).push(header), /does not fit/)
  unpacked.close()
  assert.deepEqual(fs.readdirSync(path.join(here.base, 'stage')), [])
})

test('What is packed is unpacked the same; what is no file is named', async (t) => {
  const here = place(t)
  const from = path.join(here.base, 'outside')
  fs.mkdirSync(path.join(from, 'd'))
  fs.writeFileSync(path.join(from, 'd/large'), Buffer.alloc(700_000, 'abc'))
  fs.symlinkSync('d/large', path.join(from, 'l'))
  const { status } = await import('node:child_process').then(({ spawnSync }) =>
    spawnSync('mkfifo', [path.join(from, 'pipe')]),
  )
  assert.equal(status, 0)
  const parts: Buffer[] = []
  const leftOut: string[] = []
  const packing = {
    take: async (bytes: Buffer) => void parts.push(bytes),
    onBytes: () => undefined,
    onLeftOut: (name: string) => void leftOut.push(name),
  }
  const base = openDirectory(here.base)
  await packOne(base, Buffer.from('outside'), Buffer.from('top'), packing)
  await packEnd(packing)
  base.close()
  const unpacked = unpackInto(here.stage, () => undefined)
  const reader = createTarReader(unpacked.sink)
  for (const part of parts) await reader.push(part)
  reader.finish()
  unpacked.close()
  assert.deepEqual(leftOut, ['top/pipe'])
  const copy = path.join(here.base, 'stage/copy')
  assert.ok(fs.readFileSync(path.join(copy, 'd/large')).equals(fs.readFileSync(path.join(from, 'd/large'))))
  assert.equal(fs.readlinkSync(path.join(copy, 'l')), 'd/large')
  assert.equal(fs.readFileSync(path.join(copy, 'precious'), 'utf8'), 'mine')
})

test('A directory that is swapped for a link while it is packed leads to nothing', async (t) => {
  const here = place(t)
  const from = path.join(here.base, 'goal')
  fs.mkdirSync(path.join(from, 'd'))
  fs.writeFileSync(path.join(from, 'd/a'), 'a')
  fs.writeFileSync(path.join(from, 'd/b'), 'b')
  const texts: string[] = []
  const packing = {
    take: async (bytes: Buffer) => {
      texts.push(bytes.toString('latin1'))
      if (texts.length > 1) return
      // Behind the header of `d`, before what is in it is opened.
      fs.renameSync(path.join(from, 'd'), path.join(here.base, 'moved'))
      fs.symlinkSync(path.join(here.base, 'outside'), path.join(from, 'd'))
    },
    onBytes: () => undefined,
    onLeftOut: () => undefined,
  }
  const goal = openDirectory(from)
  await packContents(goal, Buffer.alloc(0), packing)
  goal.close()
  const all = texts.join('')
  assert.ok(all.includes('d/a') && all.includes('d/b') && !all.includes('mine'))
})

test('A name is one name: nothing else is looked for in a directory', (t) => {
  const { goal } = place(t)
  for (const name of ['', '.', '..', 'a/b', 'a\0b']) assert.throws(() => goal.stat(Buffer.from(name)), /not a name/)
})

test('What is removed is removed without following links', (t) => {
  const { base, goal } = place(t)
  fs.mkdirSync(path.join(base, 'goal/d/e'), { recursive: true })
  fs.symlinkSync(path.join(base, 'outside'), path.join(base, 'goal/d/l'))
  fs.chmodSync(path.join(base, 'goal/d/e'), 0)
  goal.remove(Buffer.from('d'))
  goal.remove(Buffer.from('never there'))
  assert.deepEqual(fs.readdirSync(path.join(base, 'goal')), [])
  assert.equal(fs.readFileSync(path.join(base, 'outside/precious'), 'utf8'), 'mine')
})

test('A tree deeper than any of ours is refused, with no descriptor left open', (t) => {
  const here = place(t)
  // As deep as rm -r by a path still gets.
  fs.mkdirSync(path.join(here.base, 'goal', ...Array.from({ length: 400 }, () => 'd')), { recursive: true })
  const open = fs.readdirSync('/proc/self/fd').length
  assert.throws(() => here.goal.remove(Buffer.from('d')), { code: 'FAILED', message: /more than 256 levels/ })
  assert.equal(fs.readdirSync('/proc/self/fd').length, open)
})

test('The sides of a copy', () => {
  assert.deepEqual(parseEndpoint('files:/tmp/a:b'), { kind: 'sandbox', name: 'files', path: '/tmp/a:b' })
  assert.deepEqual(parseEndpoint('./a:b'), { kind: 'host', path: './a:b' })
  assert.deepEqual(parseEndpoint('/a:b'), { kind: 'host', path: '/a:b' })
  assert.deepEqual(parseEndpoint('-'), { kind: 'archive' })
  for (const word of ['', ':a', 'a:']) assert.throws(() => parseEndpoint(word), { code: 'USAGE' })
  assert.deepEqual(formOf('/a/b/.'), { base: '', contents: true, slash: false })
  assert.deepEqual(formOf('/a/b/'), { base: 'b', contents: false, slash: true })
  assert.deepEqual(formOf('..'), { base: '', contents: false, slash: false })
  assert.deepEqual(formOf('/'), { base: '', contents: true, slash: true })
})
