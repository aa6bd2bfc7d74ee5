import { copyFileSync, existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { release } from 'node:os'
import path from 'node:path'
import { asOneId } from '../../src/drivers/microvm/image/apart.ts'
import { aptFiles } from '../../src/drivers/microvm/image/apt.ts'
import { publishImage, takingTurns } from '../../src/drivers/microvm/image/build.ts'
import { packErofs } from '../../src/drivers/microvm/image/erofs.ts'
import { completeRoot } from '../../src/drivers/microvm/image/from/complete-root.ts'
import { listImages } from '../../src/drivers/microvm/image/images.ts'
import { takeKernel } from '../../src/drivers/microvm/image/kernel.ts'
import { programsIn } from '../../src/drivers/microvm/image/programs.ts'
import { defaultRecipe, readRecipe, recipesDirectory, type Recipe } from '../../src/drivers/microvm/image/recipe.ts'
import { imageFiles, type Image } from '../../src/drivers/microvm/image/record.ts'
import { imageStore } from '../../src/drivers/microvm/image/store.ts'
import { missingTools, toolPath, toolsOf } from '../../src/drivers/microvm/image/tools.ts'
import type { MicrovmHost } from '../../src/drivers/microvm/microvm-host.ts'
import { qemuAt, versionOf } from '../../src/drivers/microvm/qemu/find.ts'
import { qemuVmm } from '../../src/drivers/microvm/qemu/machine.ts'
import { inPath } from '../../src/drivers/microvm/vmm/program.ts'
import { templateStore } from '../../src/drivers/microvm/vmm/template-store.ts'
import { findInside } from '../../src/system/native.ts'
import { places } from '../../src/system/places.ts'
import { runTool } from '../../src/system/run-tool.ts'
import { sha256 } from '../../src/system/sha256.ts'
import { projectRoot } from './readable-tree.ts'

/** What `npm run build:native -- --target linux-arm64` gives. */
const target = process.arch === 'arm64' ? 'target' : 'target/aarch64-unknown-linux-gnu'
const built = path.join(projectRoot, 'native', target, 'release')
const inside = path.join(built, 'glovebox-inside')

/** The attacking program, for the same processor. */
export const attacksForArm64: string = path.join(built, 'attacks')

const program = 'qemu-system-aarch64'

/** Why no machine of arm64 can be emulated here. For `unlessPresent('ARM64', whyNoArm64())`. */
export function whyNoArm64(): string | undefined {
  if (inPath(process.env, program) === undefined) return `there is no ${program} (Debian: qemu-system-arm)`
  if (!existsSync(inside) || !existsSync(attacksForArm64))
    return 'there is no glovebox-inside for it: npm run build:native -- --target linux-arm64'
  const missing = missingTools(toolsOf.recipe, process.env)
  return missing.length === 0 ? undefined : `images are made with ${missing.join(', ')}, which is not installed`
}

/** Beside the image of this processor, and kept like it. */
const home = path.join(projectRoot, 'build/test-image-arm64')

/** A host whose machines are emulated ones of arm64: QEMU stands in this processor's jail, and the guest's init is arm64's. */
export async function arm64Host(): Promise<MicrovmHost> {
  const env = { ...process.env, GLOVEBOX_HOME: home }
  const at = places(env)
  const qemu = inPath(env, program) ?? ''
  return {
    env,
    places: at,
    vmm: qemuVmm({
      inside: findInside(process.env),
      qemu: qemuAt(qemu, await versionOf(qemu)),
      architecture: 'arm64',
      accelerator: 'tcg',
      tscKhz: undefined,
      processor: '',
      hostKernel: release(),
    }),
    accelerated: { accelerator: 'tcg' },
    firecracker: undefined,
    image: await arm64Image(),
    images: imageStore(at),
    templates: templateStore(at),
    inside: { path: inside, sha256: sha256(readFileSync(inside)) },
  }
}

const name = 'arm64'

/** Raised when the image comes out another way. */
const version = '2'

/**
 * The recipe's kernel and root, but for what needs programs of arm64 to be run here: nothing is configured, and there is no Node. A root
 * that was unpacked only has all that a sandbox is started with.
 */
async function arm64Image(): Promise<Image> {
  const env = process.env
  const store = imageStore(places({ GLOVEBOX_HOME: home }))
  const recipe = readRecipe(defaultRecipe)
  // Of the recipe and of what is done here.
  const made = sha256(`${version} ${recipe.sha256}`)
  const isThis = ({ record: { source } }: Image): boolean => source.name === name && source.sha256 === made
  const there = listImages(store).find(isThis)
  if (there !== undefined) return there
  return takingTurns({ store, progress: () => undefined }, async (staged) => {
    const [root, image] = [path.join(staged, 'unpacked'), path.join(staged, 'image')]
    mkdirSync(image, { mode: 0o700 })
    const kernel = path.join(staged, 'kernel')
    await unpackAll(staged, root, { recipe, downloads: store.downloads })
    settle(root)
    completeRoot(root)
    await packErofs(root, path.join(image, imageFiles.root), { times: 'fixed', env, by: asOneId })
    return publishImage(store, image, {
      source: { kind: 'directory', name, sha256: made },
      architecture: name,
      kernelVersion: takeKernel(kernel, image),
      kernelPackage: null,
      packages: [],
      node: null,
      programs: programsIn(root),
    })
  })
}

/** Debian's packages as they are in their archives; `extract` runs none of their programs, which this processor could not. */
async function unpackAll(
  directory: string,
  root: string,
  { recipe, downloads }: { readonly recipe: Recipe; readonly downloads: string },
): Promise<void> {
  for (const each of ['archives/partial', 'lists/partial'])
    mkdirSync(path.join(downloads, each), { recursive: true, mode: 0o700 })
  const { options, sources } = await aptFiles(directory, recipe.suite, process.env)
  const [file, ...args] = asOneId([
    'mmdebstrap',
    '--mode=root',
    '--variant=extract',
    `--architectures=${name}`,
    '--skip=download/empty,cleanup/apt,chroot/mount/dev,chroot/mount/sys',
    '--hook-dir=/usr/share/mmdebstrap/hooks/merged-usr',
    `--include=${[...essential, ...recipe.packages].join(',')}`,
    `--aptopt=${options}`,
    '--setup-hook=sh "$GLOVEBOX_SCRIPTS/setup.sh" "$1"',
    '--extract-hook=sh "$GLOVEBOX_SCRIPTS/kernel.sh" "$1"',
    recipe.suite,
    root,
    ...(sources === undefined ? [] : [sources]),
  ])
  const env = {
    ...process.env,
    PATH: toolPath(process.env),
    TMPDIR: directory,
    LC_ALL: 'C.UTF-8',
    GLOVEBOX_SCRIPTS: recipesDirectory(),
    GLOVEBOX_DOWNLOADS: downloads,
    GLOVEBOX_OUT: directory,
    GLOVEBOX_KERNEL: recipe.kernel[name],
  }
  const run = await runTool({ file, args, cwd: directory, env })
  if (run.code !== 0) throw new Error(`mmdebstrap: ${run.stderr.slice(-2000)}`)
}

/** As far as the attacks need it, what the packages' own scripts do when they are configured: a place to mount on, and users. */
function settle(root: string): void {
  mkdirSync(path.join(root, 'mnt'))
  for (const file of ['passwd', 'group'])
    copyFileSync(path.join(root, `usr/share/base-passwd/${file}.master`), path.join(root, 'etc', file))
  writeFileSync(path.join(root, 'etc/shadow'), 'root:*:19000:0:99999:7:::\n', { mode: 0o640 })
}

/** What every Debian has, as far as sandboxes use it. */
const essential = [
  'base-files',
  'base-passwd',
  'dash',
  'findutils',
  'grep',
  'mawk',
  'mount',
  'sed',
  'tar',
  'util-linux',
]
