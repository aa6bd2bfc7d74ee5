import { closeSync, openSync, readFileSync, readSync, statSync } from 'node:fs'
import { GloveboxError, messageOf } from '../../../errors.ts'
import type { OwnMachine } from '../../../policy/plan.ts'
import { sha256 } from '../../../system/sha256.ts'
import { ownArchitecture } from '../architecture.ts'
import { fileStamp, type Memo } from '../memo.ts'
import type { FromOptions } from './from/build-from.ts'
import type { OwnKernel } from './kernel.ts'
import { readImage, type Image } from './record.ts'

export interface OwnImageOptions extends Omit<FromOptions, 'path' | 'name' | 'kernel'> {
  readonly memo: Memo
  /** What the user's own parts are put together with; asked for only where one of them is missing. */
  readonly standard: () => Promise<Image>
}

/**
 * The image of a kernel and a root filesystem that the configuration names, or of one of them with the other of the recipe's. It
 * is put together once, and again when a file has changed; guests' own init comes in an initrd of its own, as with any image.
 * @throws GloveboxError POLICY_INVALID naming the key, for what cannot be one
 */
export async function ownImage({ kernel, rootfs }: OwnMachine, options: OwnImageOptions): Promise<Image> {
  const { store, memo } = options
  const stamps = [stampOf('kernel', kernel), stampOf('rootfs', rootfs)]
  if (kernel !== null) requireKernel(kernel)
  const standard = kernel === null || rootfs === null ? await options.standard() : undefined
  const conditions = [...stamps, standard?.record.digest ?? null]
  // Each pair of files is remembered under a name of its own: servers of one user may have different ones.
  const name = `own-image-${sha256(JSON.stringify([kernel, rootfs])).slice(0, 16)}`
  const make = async (): Promise<string> => (await put({ kernel, rootfs }, name, standard, options)).record.digest
  const digest = await memo.of(name, conditions, make)
  const found = readImage(store, digest)
  // It was purged meanwhile.
  return found ?? put({ kernel, rootfs }, name, standard, options)
}

async function put(
  { kernel, rootfs }: OwnMachine,
  name: string,
  standard: Image | undefined,
  options: OwnImageOptions,
): Promise<Image> {
  const { buildFrom } = await import('./from/build-from.ts')
  const path = rootfs ?? standard?.root ?? ''
  const own = kernel === null ? undefined : await withModules(kernel, options)
  return buildFrom({ ...options, path, name, kernel: own, keepRecord: true })
}

/** What shows that it is still the same file; a directory has nothing that would. */
function stampOf(key: keyof OwnMachine, path: string | null): readonly unknown[] | null {
  if (path === null) return null
  const stat = statSync(path, { throwIfNoEntry: false })
  if (stat === undefined) throw wrong(key, `there is no ${path}`, 'name a file that is there, or null for our own')
  if (!stat.isFile()) {
    throw wrong(
      key,
      `${path} is no file`,
      key === 'rootfs'
        ? `make one of it: tar -C ${path} -cf rootfs.tar .`
        : 'name a kernel: a bzImage, on arm64 an Image',
    )
  }
  return fileStamp(path)
}

/** "HdrS" in the header of a bzImage (Documentation/arch/x86/boot.rst), "ARM\x64" in that of an Image (arch/arm64/booting.rst). */
const marks = {
  x64: { at: 0x202, text: 'HdrS', kind: 'bzImage' },
  arm64: { at: 0x38, text: 'ARMd', kind: 'Image' },
} as const

function requireKernel(path: string): void {
  const { at, text, kind } = marks[ownArchitecture()]
  const head = Buffer.alloc(4)
  try {
    const fd = openSync(path, 'r')
    try {
      readSync(fd, head, 0, 4, at)
    } finally {
      closeSync(fd)
    }
  } catch (cause) {
    throw wrong('kernel', `${path}: ${messageOf(cause)}`, 'see that you may read it')
  }
  if (head.toString('latin1') === text) return
  throw wrong(
    'kernel',
    `${path} is no kernel for this processor`,
    `name the ${kind} of a Linux kernel, not its vmlinux`,
  )
}

/**
 * The modules that guests need come with the kernel, where it has any: of an image that has this very kernel, or of this machine's
 * `/lib/modules`. With neither, all of it has to be built in.
 */
async function withModules(file: string, { store }: OwnImageOptions): Promise<OwnKernel> {
  const { listImages } = await import('./images.ts')
  const digest = sha256(readFileSync(file))
  const same = listImages(store).find(({ record }) => record.files.kernel.sha256 === digest)
  if (same !== undefined) return { file, modules: undefined, archive: same.modules }
  const { kernelVersion } = await import('./kernel.ts')
  const directory = `/lib/modules/${kernelVersion(readFileSync(file)) ?? ''}`
  const isThere = statSync(`${directory}/modules.builtin`, { throwIfNoEntry: false }) !== undefined
  return { file, modules: isThere ? directory : undefined }
}

function wrong(key: keyof OwnMachine, why: string, fix: string): GloveboxError {
  return new GloveboxError('POLICY_INVALID', `microvm.${key}: ${why}`, { fix })
}
