import { readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { GloveboxError } from '../../../errors.ts'
import { modulesArchive } from './initrd.ts'
import { moduleTree } from './module-tree.ts'
import { modulesInOrder } from './modules.ts'
import { imageFiles } from './record.ts'

/**
 * Takes the kernel and its modules out of an unpacked package into an image.
 * @returns the kernel's version
 */
export function takeKernel(unpacked: string, image: string): string {
  const boot = readdirSync(join(unpacked, 'boot')).filter((name) => name.startsWith('vmlinuz-'))
  const [name] = boot
  if (name === undefined || boot.length > 1) {
    throw new GloveboxError('FAILED', `the kernel's package has ${boot.length} kernels`, {
      fix: 'report this, with your release of Debian',
    })
  }
  const version = name.slice('vmlinuz-'.length)
  const modules = modulesInOrder(moduleTree(modulesOf(unpacked, version)))
  writeFileSync(join(image, imageFiles.modules), modulesArchive(modules), { mode: 0o600 })
  renameSync(join(unpacked, 'boot', name), join(image, imageFiles.kernel))
  return version
}

/** A kernel that the user brings. */
export interface OwnKernel {
  /** `bzImage`, or `Image` on arm64. */
  readonly file: string
  /** `lib/modules/VERSION`; without one, all that a guest needs is built in. */
  readonly modules: string | undefined
  /** The modules in order already, as an image has them. */
  readonly archive?: string
}

/**
 * Takes it into an image, with those of its modules that guests need.
 * @returns its version, as far as it says one
 */
export function takeOwnKernel({ file, modules: directory, archive }: OwnKernel, image: string): string {
  const kernel = readFileSync(file)
  const modules = directory === undefined ? [] : modulesInOrder(moduleTree(directory))
  const packed = archive === undefined ? modulesArchive(modules) : readFileSync(archive)
  writeFileSync(join(image, imageFiles.modules), packed, { mode: 0o600 })
  writeFileSync(join(image, imageFiles.kernel), kernel, { mode: 0o600 })
  return kernelVersion(kernel) ?? (directory === undefined ? 'own' : basename(directory))
}

/** What the kernel calls itself; undefined where it does not say. */
export function kernelVersion(kernel: Buffer): string | undefined {
  const at = versionAt(kernel)
  const text = at === undefined ? '' : kernel.toString('latin1', at, at + 128)
  return /^[\w.+~-]+/.exec(text)?.[0]
}

/**
 * The header of a bzImage names the place ("HdrS", Documentation/arch/x86/boot.rst, kernel_version). That of an Image does not ("ARM\x64",
 * arch/arm64/booting.rst), but it is not packed: the line that every kernel begins to speak with can be looked for.
 */
function versionAt(kernel: Buffer): number | undefined {
  if (kernel.length < 0x1000) return undefined
  if (kernel.toString('latin1', 0x202, 0x206) === 'HdrS') return kernel.readUInt16LE(0x20e) + 0x200
  if (kernel.toString('latin1', 0x38, 0x3c) !== 'ARMd') return undefined
  const words = 'Linux version '
  for (let at = kernel.indexOf(words); at >= 0; at = kernel.indexOf(words, at + 1)) {
    const next = at + words.length
    if (/^\d/.test(kernel.toString('latin1', next, next + 1))) return next
  }
  return undefined
}

function modulesOf(unpacked: string, version: string): string {
  const below = ['lib', 'usr/lib'].map((lib) => join(unpacked, lib, 'modules', version))
  const found = below.find((directory) => readable(directory))
  if (found === undefined)
    throw new GloveboxError('FAILED', 'the kernel’s package has no modules', {
      fix: 'report this, with your release of Debian',
    })
  return found
}

function readable(directory: string): boolean {
  try {
    readFileSync(join(directory, 'modules.builtin'))
    return true
  } catch {
    return false // a distribution has them in one of the two places
  }
}
