import { existsSync, mkdirSync, readFileSync, readdirSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { ownArchitecture } from '../../../src/drivers/microvm/architecture.ts'
import { asOneId } from '../../../src/drivers/microvm/image/apart.ts'
import { takingTurns } from '../../../src/drivers/microvm/image/build.ts'
import { makeRootTree } from '../../../src/drivers/microvm/image/debootstrap.ts'
import { packErofs } from '../../../src/drivers/microvm/image/erofs.ts'
import { modulesArchive } from '../../../src/drivers/microvm/image/initrd.ts'
import { moduleTree } from '../../../src/drivers/microvm/image/module-tree.ts'
import { modulesInOrder, neededModules } from '../../../src/drivers/microvm/image/modules.ts'
import { defaultRecipe, readRecipe } from '../../../src/drivers/microvm/image/recipe.ts'
import { sha256 } from '../../../src/system/sha256.ts'
import { testImageStore } from '../image.ts'
import { projectRoot } from '../readable-tree.ts'

/** What the machine that has a KVM is started from. */
export interface OuterImage {
  readonly kernel: string
  /** An archive for the initrd; `/init` is not in it. */
  readonly modules: string
  readonly root: string
}

/** Kept between runs of the suite, as the test image is. */
export const nestedHome: string = path.join(projectRoot, 'build/nested')

/** Raised when images of the same parts come out another way. */
const version = 1

/** Of the processor that QEMU emulates: an AMD one with nested paging. Loaded last. */
const kvmModules = ['kvm_amd']

/** The packages of the default image, QEMU, and what drives are made with: built by the first that asks, by the means that images are built by. */
export async function outerImage(): Promise<OuterImage> {
  const own = readRecipe(defaultRecipe)
  const recipe = { ...own, name: 'nested', packages: [...own.packages, 'qemu-system-x86', 'erofs-utils', 'mount'] }
  const parts = [version, recipe.sha256, recipe.packages, kvmModules, process.version]
  const directory = path.join(nestedHome, sha256(JSON.stringify(parts)).slice(0, 16))
  const image = {
    kernel: path.join(directory, 'kernel'),
    modules: path.join(directory, 'modules.cpio'),
    root: path.join(directory, 'root.erofs'),
  }
  if (existsSync(directory)) return image
  const store = testImageStore()
  return takingTurns({ store, progress: () => undefined }, async (staged) => {
    if (existsSync(directory)) return image
    const tree = await makeRootTree({
      recipe,
      architecture: ownArchitecture(),
      directory: staged,
      downloads: store.downloads,
      node: process.execPath,
      env: process.env,
      progress: () => undefined,
      signal: undefined,
    })
    const made = path.join(staged, 'made')
    mkdirSync(made)
    takeKernel(tree.kernel, made)
    await packErofs(tree.root, path.join(made, 'root.erofs'), { times: 'fixed', env: process.env, by: asOneId })
    rmSync(nestedHome, { recursive: true, force: true }) // those of other parts
    mkdirSync(nestedHome, { recursive: true })
    renameSync(made, directory)
    return image
  })
}

function takeKernel(unpacked: string, target: string): void {
  const [kernel, ...more] = readdirSync(path.join(unpacked, 'boot')).filter((name) => name.startsWith('vmlinuz-'))
  if (kernel === undefined || more.length > 0) throw new Error('the package of the kernel has not one kernel')
  writeFileSync(path.join(target, 'kernel'), readFileSync(path.join(unpacked, 'boot', kernel)))
  const tree = moduleTree(path.join(unpacked, 'lib/modules', kernel.slice('vmlinuz-'.length)))
  const modules = modulesInOrder(tree, { needed: [...neededModules, ...kvmModules], wanted: [] })
  writeFileSync(path.join(target, 'modules.cpio'), modulesArchive(modules))
}
