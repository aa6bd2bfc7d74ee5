import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import {
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  readlinkSync,
  rmSync,
  statSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs'
import path from 'node:path'
import { after, before, test } from 'node:test'
import { unlessPresent, isLong } from '../support/requirement.ts'
import { runners, type Runner } from '../support/as-user.ts'
import { eventually } from '../support/eventually.ts'
import { makeExt, unlessExt } from '../support/ext.ts'
import { giveImage, testImage, testImageStore, whyNoImage } from '../support/image.ts'
import { dockerArchive, layer } from '../support/layers.ts'
import { packErofs } from '../../src/drivers/microvm/image/erofs.ts'
import type { Image } from '../../src/drivers/microvm/image/record.ts'

/** The examples of docs/images.md are run here: `build`, `build --from`, `list`, `update` and `purge`. */
const skip = unlessPresent('IMAGE', whyNoImage())
/** Packages are verified by their hashes, unpacked and configured: on a busy machine it takes a while. */
const patience = 300_000

let image: Image
/** What is in the image, unpacked by the tools of its file system. */
let tree = ''

before(async () => {
  if (skip !== false) return
  image = await testImage()
  tree = mkdtempSync('/tmp/glovebox-image-')
  const run = spawnSync('fsck.erofs', [`--extract=${tree}`, '--overwrite', '--preserve-perms', image.root], {
    encoding: 'utf8',
  })
  assert.equal(run.status, 0, run.stderr)
})
after(() => {
  if (tree !== '') rmSync(tree, { recursive: true })
})

test(
  'the image of the recipe has what servers are started with, and the very Node that runs Glovebox',
  { skip, timeout: patience },
  () => {
    for (const program of ['bash', 'ls', 'python3', 'ps', 'git', 'curl', 'node', 'env'])
      assert.ok(image.record.programs.includes(program), program)
    assert.ok(readFileSync(path.join(tree, 'usr/local/bin/node')).equals(readFileSync(process.execPath)))
    assert.equal(readlinkSync(path.join(tree, 'usr/bin/node')), '../local/bin/node')
    assert.equal(image.record.node?.version, process.version)
    assert.match(readFileSync(path.join(tree, 'etc/ssl/certs/ca-certificates.crt'), 'utf8'), /BEGIN CERTIFICATE/)
    assert.match(image.record.kernelVersion, /cloud/)
    assert.ok(image.record.packages.length > 50)
  },
)

test('what guests mount something on is there, and empty', { skip }, () => {
  for (const name of ['proc', 'sys', 'dev', 'run', 'tmp'])
    assert.deepEqual(readdirSync(path.join(tree, name)), [], name)
  assert.equal(readFileSync(path.join(tree, 'etc/machine-id'), 'utf8'), '')
})

test('nothing of this host is in it, and nobody becomes root by it', { skip }, () => {
  assert.equal(readFileSync(path.join(tree, 'etc/resolv.conf'), 'utf8'), '')
  assert.equal(readFileSync(path.join(tree, 'etc/hostname'), 'utf8'), 'glovebox\n')
  assert.ok(!existsSync(path.join(tree, 'etc/apt/sources.list')))
  for (const name of ['apt/sources.list.d', 'apt/auth.conf.d'])
    assert.deepEqual(readdirSync(path.join(tree, 'etc', name)), [], name)
  assert.ok(!readdirSync(path.join(tree, 'etc/apt/apt.conf.d')).some((name) => name.startsWith('99')))
  assert.equal(spawnSync('find', [tree, '-perm', '/6000'], { encoding: 'utf8' }).stdout, '')
  const owner = spawnSync('dump.erofs', ['--path=/etc/shadow', image.root], { encoding: 'utf8' }).stdout
  assert.match(owner, /Uid: 0 {3}Gid: 0 /)
})

test('modules stand in the order in which they can be loaded', { skip }, () => {
  const archive = readFileSync(image.modules).toString('latin1')
  const names = [...archive.matchAll(/modules\/(\w+)\.ko\0/g)].map((found) => found[1] ?? '')
  const before = (first: string, second: string): void => {
    assert.ok(names.indexOf(first) >= 0 && names.indexOf(first) < names.indexOf(second), `${first} before ${second}`)
  }
  before('virtio_ring', 'virtio')
  before('virtio', 'virtio_blk')
  before('virtio_mmio', 'vsock')
  before('erofs', 'vmw_vsock_virtio_transport')
})

test('the same tree is the same file system, in whatever order its files were made', { skip }, async () => {
  const base = mkdtempSync('/tmp/glovebox-image-twice-')
  try {
    const sums = []
    for (const order of [(names: string[]) => names, (names: string[]) => names.toReversed()]) {
      const copy = path.join(base, 'tree')
      mkdirSync(copy)
      for (const name of order(readdirSync(path.join(tree, 'etc')))) {
        cpSync(path.join(tree, 'etc', name), path.join(copy, name), { recursive: true, verbatimSymlinks: true })
      }
      await packErofs(copy, path.join(base, 'file'), { times: 'fixed', env: process.env })
      sums.push(readFileSync(path.join(base, 'file')))
      rmSync(copy, { recursive: true })
    }
    assert.ok(sums[0]?.equals(sums[1] ?? Buffer.alloc(0)))
  } finally {
    rmSync(base, { recursive: true })
  }
})

/** A home in which images are built from what the test image has downloaded, and with its kernel where `seeded`. */
function homeOf(runner: Runner, { seeded }: { seeded: boolean }): Runner & { readonly home: string } {
  const home = mkdtempSync(path.join(runner.tmp, 'home-'))
  const [data, cache] = [path.join(home, 'data'), path.join(home, 'cache')]
  const store = testImageStore()
  if (seeded) giveImage(image, runner, data)
  cpSync(store.downloads, path.join(cache, 'image-downloads'), { recursive: true })
  spawnSync('chown', ['-R', `${runner.uid}:${runner.gid}`, home])
  return { ...runner, home, env: { ...runner.env, GLOVEBOX_HOME: home } }
}

interface Told {
  readonly digest: string
  readonly name: string
  readonly from: string
  readonly programs: readonly string[]
  readonly kernelVersion: string
  readonly directory: string
}

function glovebox(
  runner: Runner,
  ...words: readonly string[]
): { code: number | null; stdout: string; stderr: string } {
  const env = Object.entries(runner.env).map(([key, value]) => `${key}=${value}`)
  const args = ['-i', ...env, runner.node, path.join(runner.root, 'bin/glovebox.cjs'), ...words]
  const run = runner.spawnSync('/usr/bin/env', args)
  return { code: run.status, stdout: run.stdout, stderr: run.stderr }
}

/** Of `--json`; each caller takes what it looks at. */
function json(
  runner: Runner,
  ...words: readonly string[]
): Told & { images: readonly Told[]; updated: boolean; reasons: string[]; removed: string[] } {
  const run = glovebox(runner, ...words, '--json')
  assert.equal(run.code, 0, run.stderr)
  return JSON.parse(run.stdout) as ReturnType<typeof json>
}

/** A root filesystem of three files, as an archive, a directory, and an image of docker. */
function sources(home: string): { readonly tar: string; readonly docker: string; readonly directory: string } {
  const [tar, docker, directory] = ['root.tar', 'image.tar', 'rootfs'].map((name) => path.join(home, name)) as [
    string,
    string,
    string,
  ]
  const root = layer(
    { path: 'bin/', type: '5', mode: 0o755 },
    { path: 'bin/tool', content: '#!', mode: 0o755 },
    { path: 'etc/x', content: 'x' },
  )
  writeFileSync(tar, root, { mode: 0o644 })
  writeFileSync(
    docker,
    dockerArchive([root, layer({ path: 'etc/.wh.x' }, { path: 'bin/other', content: '#!', mode: 0o755 })]),
  )
  mkdirSync(path.join(directory, 'bin'), { recursive: true })
  writeFileSync(path.join(directory, 'bin/tool'), '#!', { mode: 0o755 })
  symlinkSync('/etc/hostname', path.join(directory, 'link'))
  return { tar, docker, directory }
}

for (const runner of runners())
  test(
    `images are made from archives and directories, the same from the same (${runner.name})`,
    { skip, timeout: patience },
    () => {
      const mine = homeOf(runner, { seeded: true })
      const { tar, docker, directory } = sources(mine.home)
      const first = json(mine, 'image', 'build', '--from', tar, '--name', 'mine')
      assert.deepEqual([first.name, first.from, first.programs], ['mine', 'tar', ['tool']])
      assert.equal(json(mine, 'image', 'build', '--from', tar, '--name', 'mine').digest, first.digest)
      const layered = json(mine, 'image', 'build', '--from', docker)
      assert.deepEqual([layered.name, layered.from, layered.programs], ['tiny:1', 'docker', ['other', 'tool']])
      assert.equal(json(mine, 'image', 'build', '--from', directory).from, 'directory')

      const { images } = json(mine, 'image', 'list')
      assert.deepEqual(images.map(({ name }) => name).toSorted(), ['debian', 'mine', 'rootfs', 'tiny:1'])
      assert.match(glovebox(mine, 'image', 'list').stdout, /^digest +name +from +kernel/)
      assert.equal(glovebox(mine, 'image', 'purge', 'mine').stdout.split(',')[0], '1 removed')
      const gone = glovebox(mine, 'image', 'purge', 'mine')
      assert.deepEqual([gone.code, gone.stderr.includes('glovebox image list')], [2, true])
      assert.equal(json(mine, 'image', 'purge', '--all').removed.length, 3)
      assert.ok(!existsSync(path.join(mine.home, 'cache/image-downloads')))
    },
  )

for (const runner of runners())
  test(
    `an ext4 image is one like any other, wherever it lies, and refused while it is in use (${runner.name})`,
    { skip: skip || unlessExt(), timeout: patience },
    () => {
      const mine = homeOf(runner, { seeded: true })
      const { directory } = sources(mine.home)
      const file = path.join(mine.home, 'root.ext4')
      makeExt(file, { tree: directory, features: '^metadata_csum' })
      symlinkSync('root.ext4', path.join(mine.home, 'latest.ext4'))
      const built = json(mine, 'image', 'build', '--from', path.join(mine.home, 'latest.ext4'))
      assert.deepEqual([built.name, built.from, built.programs], ['latest', 'ext4', ['tool']])
      assert.equal(json(mine, 'image', 'build', '--from', file).digest, built.digest)
      const inUse = readFileSync(file)
      // "needs_recovery", which the kernel sets as long as it has it mounted.
      inUse[1024 + 0x60] = (inUse[1024 + 0x60] ?? 0) | 0x4
      writeFileSync(file, inUse)
      const refused = glovebox(mine, 'image', 'build', '--from', file)
      assert.deepEqual([refused.code, /not unmounted.*\n.*e2fsck -fy/s.test(refused.stderr)], [1, true], refused.stderr)
      assert.deepEqual(readdirSync(path.join(mine.home, 'data/images/staging')), [])
    },
  )

test('a kernel and a file system of the user’s own are taken as they are', { skip }, () => {
  const [runner] = runners()
  assert.ok(runner)
  const mine = homeOf(runner, { seeded: false })
  const words = ['image', 'build', '--from', image.root, '--kernel', image.kernel, '--name', 'own']
  const built = json(mine, ...words)
  assert.deepEqual([built.name, built.from, built.kernelVersion], ['own', 'erofs', image.record.kernelVersion])
  assert.ok(readFileSync(path.join(built.directory, 'root.erofs')).equals(readFileSync(image.root)))
  assert.ok(!readFileSync(path.join(built.directory, 'modules.cpio')).includes('.ko'), 'it is said to need none')
  const half = glovebox(mine, 'image', 'build', '--kernel', image.kernel)
  assert.deepEqual([half.code, half.stderr.includes('--from')], [2, true])
  const noModules = glovebox(mine, ...words, '--modules', path.join(tree, 'etc'))
  assert.deepEqual([noModules.code, /has no virtio_mmio/.test(noModules.stderr)], [1, true])
})

test('what is no archive, or is for another machine, is refused with a reason and leaves nothing', { skip }, () => {
  const [runner] = runners()
  assert.ok(runner)
  const mine = homeOf(runner, { seeded: true })
  const write = (name: string, data: string | Buffer): string => {
    writeFileSync(path.join(mine.home, name), data)
    return path.join(mine.home, name)
  }
  const cases: [string, number, RegExp][] = [
    [write('text', 'no archive at all'), 1, /in its middle|not of tar/],
    [
      write('other.tar', dockerArchive([layer({ path: 'bin/x', content: '' })], { architecture: 's390x' })),
      4,
      /is for s390x/,
    ],
    [write('up.tar', layer({ path: '../../up', content: 'x' })), 1, /"\.\."/],
    [write('dev.tar', layer({ path: 'dev', content: 'a file' })), 1, /\/dev of the root filesystem is no directory/],
    [write('disk.qcow2', Buffer.from('QFI\xfb', 'latin1')), 1, /qcow2.*taken are .* ext4.*\n.*qemu-img convert/],
    [write('root.tar.xz', Buffer.from('fd377a585a0000', 'hex')), 1, /xz -dk/],
    [path.join(mine.home, 'nothing'), 2, /there is no/],
  ]
  for (const [file, code, message] of cases) {
    const run = glovebox(mine, 'image', 'build', '--from', file)
    assert.equal(run.code, code, `${file}: ${run.stderr}`)
    assert.match(run.stderr, message)
  }
  assert.deepEqual(readdirSync(path.join(mine.home, 'data/images/staging')), [])
  assert.equal(json(mine, 'image', 'list').images.length, 1)
  assert.equal(glovebox(mine, 'image', 'build', '--recipe', 'none').code, 2)
})

test('an image is up to date, until something of it has changed', { skip, timeout: patience }, () => {
  const [runner] = runners()
  assert.ok(runner)
  const mine = homeOf(runner, { seeded: true })
  const same = json(mine, 'image', 'update')
  // Packages come from the network, and may be newer by now.
  assert.deepEqual(
    same.reasons.filter((reason) => !/newer/.test(reason)),
    [],
  )
  assert.equal(same.updated, same.reasons.length > 0)
})

for (const runner of isLong() ? runners() : runners().slice(0, 1))
  test(
    `a build that is killed leaves nothing that runs or is used, and the next one builds (${runner.name})`,
    { skip, timeout: patience },
    async () => {
      const mine = homeOf(runner, { seeded: false })
      const child = mine.spawn(mine.node, [path.join(mine.root, 'bin/glovebox.cjs'), 'image', 'build'], {
        env: mine.env,
        stdio: ['ignore', 'ignore', 'pipe'],
      })
      let told = ''
      child.stderr?.setEncoding('utf8').on('data', (text: string) => (told += text))
      const staging = path.join(mine.home, 'data/images/staging')
      await eventually(() => told.match(/unpacking packages/) ?? undefined)
      assert.ok(processesOf(staging).length > 1, 'packages are unpacked by others')
      child.kill('SIGKILL')
      await eventually(() => (processesOf(staging).length === 0 ? true : undefined))
      assert.equal(readdirSync(staging).length, 1, 'its directory is what it left')
      assert.deepEqual(json(mine, 'image', 'list').images, [])

      // The whole recipe again takes as long as before: its archive of the kernel alone shows the same.
      const words = isLong() ? [] : ['--from', sources(mine.home).tar]
      const built = json(mine, 'image', 'build', ...words)
      assert.ok(built.programs.includes(isLong() ? 'python3' : 'tool'))
      assert.deepEqual(readdirSync(staging), [])
      if (isLong()) assert.equal(built.digest, image.record.digest, 'by whoever it was built')
      assert.equal(statSync(path.join(mine.home, 'data/images')).mode & 0o077, 0)
    },
  )

/** Processes whose command line names this directory. */
function processesOf(directory: string): string[] {
  return readdirSync('/proc')
    .filter((name) => /^\d+$/.test(name))
    .filter((pid) => {
      try {
        return readFileSync(`/proc/${pid}/cmdline`, 'latin1').includes(directory)
      } catch {
        return false // it has ended meanwhile
      }
    })
}
