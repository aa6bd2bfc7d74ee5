import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import {
  chmodSync,
  closeSync,
  ftruncateSync,
  linkSync,
  mkdirSync,
  mkdtempSync,
  openSync,
  readFileSync,
  rmSync,
  symlinkSync,
  truncateSync,
  utimesSync,
  writeFileSync,
  writeSync,
} from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { after, before, suite, test } from 'node:test'
import * as fc from 'fast-check'
import type { ForeignEntry } from '../../../../../inside/tar/foreign.ts'
import { makeExt, unlessExt, type ExtOptions } from '../../../../../../test/support/ext.ts'
import { sha256 } from '../../../../../system/sha256.ts'
import { unpackedBudget } from '../compressed.ts'
import { crc32c } from './crc32c.ts'
import { readExt } from './reader.ts'
import { looksLikeExt, UnreadableExt } from './superblock.ts'

/** A line for each entry, sorted: what it is, and the hash of what is in it. */
async function seenIn(path: string, budget = unpackedBudget()): Promise<string[]> {
  const seen: string[] = []
  let entry: ForeignEntry | undefined
  let data: Buffer[] = []
  const sink = {
    begin: (next: ForeignEntry) => {
      entry = next
      data = []
    },
    data: (bytes: Buffer) => void data.push(Buffer.from(bytes)),
    end: () => {
      assert.ok(entry)
      const content = Buffer.concat(data)
      assert.equal(content.length, entry.size)
      const { kind, mode, link, modified } = entry
      const about = kind === 'directory' ? '' : kind === 'file' ? `${modified} ${sha256(content)}` : link.toString()
      seen.push(`/${entry.path.join('/')} ${kind} ${mode.toString(8)} ${about}`)
    },
  }
  await readExt(path, sink, budget)
  return seen.toSorted()
}

test('the sum is that of RFC 3720', () => {
  assert.equal(~crc32c(~0, Buffer.from('123456789')) >>> 0, 0xe3069283)
})

suite('file systems of mke2fs', { skip: unlessExt() }, () => {
  let base = ''
  let tree = ''
  const at = (name: string): string => join(base, name)
  const made = (name: string, options: Omit<ExtOptions, 'tree'> = {}): string => {
    makeExt(at(name), { tree, ...options })
    return at(name)
  }
  before(() => {
    base = mkdtempSync(join(tmpdir(), 'glovebox-ext-'))
    tree = at('tree')
    for (const name of ['tree', 'tree/etc', 'tree/usr', 'tree/usr/bin', 'tree/many']) mkdirSync(at(name))
    const write = (name: string, data: string | Buffer, mode: number): void => {
      writeFileSync(join(tree, name), data)
      chmodSync(join(tree, name), mode)
      utimesSync(join(tree, name), 1_600_000_000, 1_600_000_000)
    }
    write('etc/empty', '', 0o600)
    write('usr/bin/su', '#!/bin/sh\n', 0o4755)
    write('usr/large', Buffer.alloc(3_000_001, 'abcdefg'), 0o644)
    // As many pieces as there are, so that its map is more than one block of extents.
    const fd = openSync(join(tree, 'usr/holes'), 'w', 0o640)
    for (let index = 0; index < 700; index++) writeSync(fd, `piece ${index}`, index * 8192)
    ftruncateSync(fd, 700 * 8192 + 5)
    closeSync(fd)
    utimesSync(join(tree, 'usr/holes'), 1_600_000_000, 1_600_000_000)
    linkSync(join(tree, 'etc/empty'), join(tree, 'usr/same'))
    symlinkSync('usr/bin', join(tree, 'bin'))
    symlinkSync(`${'long/'.repeat(20)}end`, join(tree, 'etc/far'))
    for (let index = 0; index < 400; index++) write(`many/${'n'.repeat(60)}-${index}`, `${index}`, 0o644)
  })
  after(() => rmSync(base, { recursive: true }))

  const expected = (): string[] => {
    const file = (name: string, mode: string, time: number): string =>
      `/${name} file ${mode} ${time} ${sha256(readFileSync(join(tree, name)))}`
    const many = [...Array(400).keys()].map((index) => file(`many/${'n'.repeat(60)}-${index}`, '644', 1_600_000_000))
    return [
      '/ directory 755 ',
      '/bin symlink 777 usr/bin',
      '/etc directory 755 ',
      file('etc/empty', '600', 1_600_000_000),
      `/etc/far symlink 777 ${'long/'.repeat(20)}end`,
      '/lost+found directory 700 ',
      '/many directory 755 ',
      ...many,
      '/usr directory 755 ',
      '/usr/bin directory 755 ',
      file('usr/bin/su', '755', 1_600_000_000),
      file('usr/holes', '640', 1_600_000_000),
      file('usr/large', '644', 1_600_000_000),
    ].toSorted()
  }
  /** Which of the two names comes first is the file system's business. */
  const withoutSecondName = (seen: string[]): string[] => {
    const second = seen.filter((line) => line.includes(' hardlink '))
    assert.equal(second.length, 1)
    const [, name = ''] = /^(\S+) hardlink/.exec(second[0] ?? '') ?? []
    assert.ok(['/usr/same', '/etc/empty'].includes(name))
    return seen
      .filter((line) => !second.includes(line))
      .map((line) => line.replace(/^\/usr\/same /, '/etc/empty '))
      .toSorted()
  }

  for (const [title, options] of [
    ['ext4', {}],
    ['ext4 with blocks of 1 KiB', { more: ['-b', '1024'], size: '16M' }],
    ['ext4 with blocks of 64 KiB', { more: ['-b', '65536'], size: '64M' }],
    ['ext4 of 32 bits and no checksums', { features: '^64bit,^metadata_csum' }],
    [
      'ext4 with groups of groups',
      { features: 'meta_bg,^resize_inode', more: ['-b', '1024', '-g', '1024'], size: '40M' },
    ],
    ['ext4 with clusters', { features: 'bigalloc', size: '32M' }],
    ['ext4 with two copies of its superblock', { features: 'sparse_super2' }],
    ['ext4 without a journal', { features: '^has_journal' }],
    ['ext3', { type: 'ext3' }],
    ['ext2', { type: 'ext2', more: ['-I', '256'] }],
    ['ext2 with blocks of 1 KiB', { type: 'ext2', more: ['-b', '1024', '-I', '256'], size: '16M' }],
  ] as const satisfies readonly (readonly [string, Omit<ExtOptions, 'tree'>])[]) {
    test(`${title}: every file comes out as it went in`, async () => {
      assert.deepEqual(withoutSecondName(await seenIn(made('image', options))), expected())
    })
  }

  test('a directory with an index, as the kernel and e2fsck make them, is read like any other', async (context) => {
    const image = made('image')
    const indexed = spawnSync('/usr/sbin/e2fsck', ['-fyD', image], { encoding: 'utf8' })
    if ((indexed.status ?? 8) > 2) return context.skip(`e2fsck: ${indexed.stderr}`)
    assert.deepEqual(withoutSecondName(await seenIn(image)), expected())
  })

  test('times after 2038 are read', async () => {
    const image = made('image')
    const set = spawnSync('/usr/sbin/debugfs', ['-w', '-R', 'sif usr/large mtime_extra 1', image], { encoding: 'utf8' })
    assert.equal(set.status, 0, set.stderr)
    const large = (await seenIn(image)).find((line) => line.startsWith('/usr/large'))
    assert.ok(large?.includes(` ${1_600_000_000 + 2 ** 32} `), large)
  })

  /** Writes over a copy. */
  const changed = (image: string, position: number, ...bytes: readonly number[]): string => {
    const copy = Buffer.from(readFileSync(image))
    copy.set(bytes, position)
    writeFileSync(at('changed'), copy)
    return at('changed')
  }
  const refusal = async (path: string): Promise<UnreadableExt> => {
    try {
      await seenIn(path)
    } catch (error) {
      assert.ok(error instanceof UnreadableExt, String(error))
      return error
    }
    throw new Error('it was taken')
  }

  test('one that is in use, cut off, damaged or of another make says what helps', async () => {
    const plain = made('plain', { features: '^metadata_csum' })
    const incompatible = 1024 + 0x60
    const features = readFileSync(plain).readUInt8(incompatible)
    const dirty = await refusal(changed(plain, incompatible, features | 0x4))
    assert.match(dirty.message, /not unmounted/)
    assert.match(dirty.fix?.('root.ext4') ?? '', /e2fsck -fy root\.ext4/)
    assert.match((await refusal(changed(plain, 1024 + 0x3a, 0))).message, /not unmounted/)
    assert.match((await refusal(changed(plain, 1024 + 0x3a, 3))).message, /has errors/)
    assert.match((await refusal(changed(plain, incompatible, 0x8))).message, /journal of another/)
    assert.match((await refusal(changed(plain, incompatible + 2, 0x1))).message, /feature encrypt/)
    assert.match((await refusal(changed(plain, 1024 + 0x28, 0, 0, 0, 0))).message, /sizes in it make no sense/)
    assert.match((await refusal(changed(made('summed'), 1024 + 0x78, 0x41))).message, /checksum/)
    assert.match((await refusal(made('inline', { features: 'inline_data' }))).message, /feature inline_data/)
    const cut = made('cut')
    truncateSync(cut, 5_000_000)
    assert.match((await refusal(cut)).message, /cut off: of 8388608 bytes there are 5000000/)
  })

  test('what is damaged behind its superblock is found by its checksum', async () => {
    const image = made('image', { more: ['-b', '1024'], size: '16M' })
    const whole = readFileSync(image)
    const name = whole.indexOf('many')
    await assert.rejects(seenIn(changed(image, name, 0x58)), /checksum of its names/)
    // Whatever comes of one bit of the inodes: no file is read that is not the one that was written.
    const table = whole.readUInt32LE(2048 + 8) * 1024
    await assert.rejects(seenIn(changed(image, table + 256 + 4, 1)), /inode 2 is damaged: its checksum/)
  })

  test('more than an image may have does not come out of a file of holes', async () => {
    const sparse = at('sparse')
    mkdirSync(sparse)
    writeFileSync(join(sparse, 'f'), '')
    truncateSync(join(sparse, 'f'), 40 * 1024 ** 2)
    makeExt(at('image'), { tree: sparse, size: '4M' })
    await seenIn(at('image'))
    await assert.rejects(seenIn(at('image'), unpackedBudget(30 * 1024 ** 2)), /more is in it than an image may have/)
  })

  test('a directory in a circle, and names that lead elsewhere, are refused', async () => {
    const plain = made('plain', { features: '^metadata_csum,^dir_index', more: ['-b', '1024'], size: '16M' })
    const bytes = readFileSync(plain)
    /** Where the entry of that name begins. */
    const entry = (name: string): number => bytes.indexOf(Buffer.from(name)) - 8
    const here = entry('etc')
    assert.equal(bytes.toString('latin1', here + 8, here + 11), 'etc')
    await assert.rejects(seenIn(changed(plain, here, 2, 0, 0, 0)), /inode 2 has two names/)
    await assert.rejects(seenIn(changed(plain, here, 0xff, 0xff, 0xff, 0)), /there is no inode/)
    await assert.rejects(seenIn(changed(plain, here + 8, 0x2f)), /a name that is none/)
    await assert.rejects(seenIn(changed(plain, here + 8, ...Buffer.from('bin'))), /has "bin" twice/)
    await assert.rejects(seenIn(changed(plain, here + 4, 7, 0)), /ends behind its block/)
    await assert.rejects(seenIn(changed(plain, here + 6, 2, 2, ...Buffer.from('..'))), /has ".." twice/)
  })

  test('no bytes lead out of it, into a circle, or to an error of ours', { timeout: 300_000 }, async () => {
    const small = at('small')
    mkdirSync(join(small, 'a/b'), { recursive: true })
    const sparse = Buffer.alloc(20_000)
    for (let index = 0; index < sparse.length; index += 1000) sparse[index] = 1
    writeFileSync(join(small, 'a/file'), sparse)
    writeFileSync(join(small, 'a/b/other'), 'y')
    symlinkSync('a/b', join(small, 'link'))
    const images = (['ext4', 'ext2'] as const).map((type) => {
      const features = type === 'ext4' ? '^metadata_csum,^has_journal' : undefined
      makeExt(at(type), {
        tree: small,
        type,
        size: '256K',
        more: ['-b', '1024', '-N', '16'],
        ...(features && { features }),
      })
      return readFileSync(at(type))
    })
    const outcomes = { read: 0, refused: 0 }
    // Most of an image is empty: the bytes that matter are changed.
    const used = images.map((image) => [...image.keys()].filter((index) => index >= 1024 && image[index] !== 0))
    const check = fc.asyncProperty(
      fc.nat(1),
      fc.array(fc.tuple(fc.nat(), fc.integer({ min: 0, max: 3 }), fc.nat(255)), { minLength: 1, maxLength: 4 }),
      async (which, changes) => {
        const image = Buffer.from(images[which] ?? '')
        const places = used[which] ?? []
        for (const [index, offset, byte] of changes) image[(places[index % places.length] ?? 0) + offset] = byte
        writeFileSync(at('fuzzed'), image)
        try {
          const seen = await seenIn(at('fuzzed'), unpackedBudget(64 * 1024 ** 2))
          assert.ok(seen.every((line) => !line.startsWith('/../') && !line.includes('/../')))
          outcomes.read++
        } catch (error) {
          assert.ok(
            error instanceof Error && [Error, UnreadableExt].includes(error.constructor as typeof Error),
            String(error),
          )
          outcomes.refused++
        }
      },
    )
    await fc.assert(check, { numRuns: 1500 })
    assert.ok(outcomes.read > 50 && outcomes.refused > 50, JSON.stringify(outcomes))
  })

  test('it is told from other files by more than two bytes', () => {
    const head = readFileSync(made('image')).subarray(0, 4096)
    assert.ok(looksLikeExt(head))
    assert.ok(!looksLikeExt(head.subarray(0, 1500)) && !looksLikeExt(Buffer.alloc(4096)))
    const text = Buffer.alloc(4096, 'x')
    text.writeUInt16LE(0xef53, 1024 + 0x38)
    assert.ok(!looksLikeExt(text))
  })
})
