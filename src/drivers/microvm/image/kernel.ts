import { readdirSync, readFileSync, renameSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
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
