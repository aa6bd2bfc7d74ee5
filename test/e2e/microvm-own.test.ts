import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import {
  appendFileSync,
  copyFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import path from 'node:path'
import { after, suite, test } from 'node:test'
import { cpioOf } from '../../src/drivers/microvm/image/cpio.ts'
import { currentImage } from '../../src/drivers/microvm/image/images.ts'
import { defaultRecipe } from '../../src/drivers/microvm/image/recipe.ts'
import { findInside } from '../../src/system/native.ts'
import { makeExt, unlessExt } from '../support/ext.ts'
import { testImageStore } from '../support/image.ts'
import { testMachines, whyNoMachines } from '../support/machines.ts'
import { projectRoot } from '../support/readable-tree.ts'
import { unlessLong, unlessPresent } from '../support/requirement.ts'

const missing = unlessPresent('QEMU', whyNoMachines()) || unlessLong('an image of a kernel of one’s own')
if (missing === false) await testMachines()

const directory = mkdtempSync('/tmp/glovebox-own-')
after(() => rmSync(directory, { recursive: true }))

interface Ran {
  readonly status: number | null
  readonly stdout: string
  readonly stderr: string
}

function glovebox(...words: readonly string[]): Ran {
  return spawnSync(process.execPath, [path.join(projectRoot, 'bin/glovebox.cjs'), ...words], {
    encoding: 'utf8',
    input: '',
  })
}

/** Starts a machine by a configuration with these parts; its program says what kernel it has. */
function startWith(
  microvm: Readonly<Record<string, string | null>>,
  args: readonly string[] = ['-c', 'uname -r >&2; cat'],
): Ran {
  const server = { command: 'sh', args, sandbox: { driver: 'microvm' } }
  const file = path.join(directory, 'glovebox.json')
  writeFileSync(file, JSON.stringify({ mcpServers: { own: server }, microvm }))
  return glovebox('run', '--config', file, 'own')
}

suite('a kernel and a root filesystem of the user’s own', { skip: missing }, () => {
  const standard = () => {
    const image = currentImage(testImageStore(), defaultRecipe)
    assert.ok(image)
    return image
  }
  after(() => {
    // Of the images that this made, none stays in the store of the suite.
    const { images } = JSON.parse(glovebox('image', 'list', '--json').stdout) as {
      images: { digest: string; name: string }[]
    }
    for (const { digest, name } of images) {
      if (name.startsWith('own-image-')) assert.equal(glovebox('image', 'purge', digest).status, 0)
    }
  })

  test(
    'they boot from wherever they lie, are put together once, and again when a file has changed',
    { timeout: 300_000 },
    () => {
      const { kernel, root, record } = standard()
      copyFileSync(kernel, path.join(directory, 'vmlinuz'))
      copyFileSync(root, path.join(directory, 'root.erofs'))
      // The same system in another file, so that it is another image.
      appendFileSync(path.join(directory, 'root.erofs'), Buffer.alloc(4096))
      const first = startWith({ kernel: 'vmlinuz', rootfs: path.join(directory, 'root.erofs') })
      assert.match(first.stderr, /image: packing/)
      assert.match(first.stderr, new RegExp(`^${record.kernelVersion}$`, 'm'))
      const second = startWith({ kernel: 'vmlinuz', rootfs: path.join(directory, 'root.erofs') })
      assert.doesNotMatch(second.stderr, /packing|booting/)
      assert.match(second.stderr, new RegExp(`^${record.kernelVersion}$`, 'm'))
      appendFileSync(path.join(directory, 'root.erofs'), Buffer.alloc(4096))
      const third = startWith({ kernel: null, rootfs: 'root.erofs' })
      assert.match(third.stderr, new RegExp(`^${record.kernelVersion}$`, 'm'), third.stderr)
      // The recipe's image is still that.
      assert.equal(standard().record.digest, record.digest)
    },
  )

  test(
    'a kernel without what guests need ends with its own last words, and what it needs',
    { timeout: 300_000 },
    () => {
      const file = path.join(directory, 'bare')
      copyFileSync(standard().kernel, file)
      // Another file, of which nobody knows modules; without them this one has no disk.
      appendFileSync(file, Buffer.alloc(4))
      const { status, stderr } = startWith({ kernel: 'bare' })
      assert.equal(status, 125, stderr)
      assert.match(stderr, /there is no \/dev\/vda/)
      assert.match(stderr, /fix: use a kernel with .*virtio-blk, virtio-console, erofs/)
    },
  )

  test('an initramfs made by hand is a root filesystem, too', { timeout: 300_000 }, () => {
    // Its only program is a static one: what it is called is all that a start asks for.
    const data = readFileSync(findInside(process.env))
    const items = [
      { path: 'etc', mode: 0o755 },
      { path: 'usr', mode: 0o755 },
      { path: 'usr/bin', mode: 0o755 },
      { path: 'usr/bin/sh', mode: 0o755, data },
    ]
    writeFileSync(path.join(directory, 'root.cpio'), cpioOf(items))
    const { stderr } = startWith({ rootfs: 'root.cpio' }, ['--version'])
    assert.match(stderr, /ended \(exit code 0\)/)
  })

  test(
    'an ext4 image is one, and another machine’s when it has changed',
    { skip: unlessExt(), timeout: 600_000 },
    () => {
      const tree = path.join(directory, 'ext4-tree')
      mkdirSync(path.join(tree, 'usr/bin'), { recursive: true })
      const program = readFileSync(findInside(process.env))
      writeFileSync(path.join(tree, 'usr/bin/sh'), program, { mode: 0o755 })
      const file = path.join(directory, 'root.ext4')
      makeExt(file, { tree, size: '32M' })
      const first = startWith({ rootfs: 'root.ext4' }, ['--version'])
      assert.match(first.stderr, /ended \(exit code 0\)/)
      assert.match(first.stderr, /image: packing/)
      assert.doesNotMatch(startWith({ rootfs: 'root.ext4' }, ['--version']).stderr, /packing|booting/)
      // What is no program any more does not start from what was put together before.
      writeFileSync(path.join(tree, 'usr/bin/sh'), 'no program', { mode: 0o755 })
      makeExt(file, { tree, size: '32M' })
      const third = startWith({ rootfs: 'root.ext4' }, ['--version'])
      assert.match(third.stderr, /image: packing/)
      assert.doesNotMatch(third.stderr, /exit code 0/)
      truncateSync(file, 20_000_000)
      const cut = startWith({ rootfs: 'root.ext4' }, ['--version'])
      assert.equal(cut.status, 1, cut.stderr)
      assert.match(cut.stderr, /root\.ext4, an ext4 image: it is cut off.*\n.*fix: /)
    },
  )

  // The examples of docs/images.md, "From your own", that start one.
  test('an image that was built is named by a flag, or by a configuration', { timeout: 300_000 }, (t) => {
    const root = path.join(directory, 'named.erofs')
    copyFileSync(standard().root, root)
    appendFileSync(root, Buffer.alloc(8192))
    const built = glovebox('image', 'build', '--from', root, '--name', 'named', '--json')
    assert.equal(built.status, 0, built.stderr)
    const { digest } = JSON.parse(built.stdout) as { digest: string }
    t.after(() => assert.equal(glovebox('image', 'purge', digest).status, 0))
    const booted = glovebox('exec', '--image', 'named', '--', 'uname', '-s')
    assert.deepEqual([booted.status, booted.stdout], [0, 'Linux\n'], booted.stderr)
    const byConfig = startWith({ image: digest.slice(0, 12) })
    assert.match(byConfig.stderr, new RegExp(`^${standard().record.kernelVersion}$`, 'm'), byConfig.stderr)
    // They are machines of that image, not of the recipe's.
    const templates = JSON.parse(glovebox('template', 'list', '--json').stdout) as { templates: { image: string }[] }
    assert.ok(
      templates.templates.some(({ image }) => image === digest),
      JSON.stringify(templates),
    )
    const server = glovebox('run', '--image', 'named', '--', 'python3', '-c', 'print("{}")')
    assert.equal(server.status, 0, server.stderr)
    const unknown = glovebox('exec', '--image', 'unheard', '--', 'true')
    assert.equal(unknown.status, 2, unknown.stderr)
    assert.match(unknown.stderr, /there is no image "unheard"\n.*fix: glovebox image list/)
  })

  test('what cannot be one is told by its key, before anything is started', () => {
    writeFileSync(path.join(directory, 'text'), 'no kernel')
    mkdirSync(path.join(directory, 'tree'))
    const told = (microvm: Parameters<typeof startWith>[0]): string => {
      const { status, stderr } = startWith(microvm)
      assert.equal(status, 2, stderr)
      return stderr
    }
    assert.match(told({ kernel: 'nowhere' }), /microvm\.kernel: there is no .*nowhere/)
    assert.match(told({ kernel: 'text' }), /microvm\.kernel: .*text is no kernel for this processor/)
    assert.match(told({ rootfs: 'tree' }), /microvm\.rootfs: .*tree is no file\n.*fix: make one of it: tar/)
  })
})
