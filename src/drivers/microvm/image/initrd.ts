import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { sha256 } from '../../../system/sha256.ts'
import { writeWhole } from '../../../system/write-whole.ts'
import { cpioOf } from './cpio.ts'
import type { LoadedModule } from './modules.ts'
import type { Image } from './record.ts'
import type { ImageStore } from './store.ts'

/** The modules and the order to load them in, as the guest's init looks for them: a cpio archive of its own. */
export function modulesArchive(modules: readonly LoadedModule[]): Buffer {
  const names = modules.map(({ name }) => `${name}.ko`)
  return cpioOf([
    { path: 'modules', mode: 0o755 },
    { path: 'modules/order', mode: 0o644, data: Buffer.from(names.map((name) => `${name}\n`).join('')) },
    ...modules.map(({ data }, index) => ({ path: `modules/${names[index]}`, mode: 0o644, data })),
  ])
}

/**
 * The initial RAM disk of an image's guests: this glovebox-inside as `/init`, and the kernel's modules. Two archives behind each
 * other are one (buffer-format.rst, "initramfs"), so that the image needs no rebuilding when the binary changes.
 * @returns the path of the file, made when it is not there yet
 */
export function makeInitrd(
  store: ImageStore,
  image: Image,
  insideBinary: string,
  /** Of the binary, where it is known. */
  insideSha256: string = sha256(readFileSync(insideBinary)),
): string {
  const path = join(store.initrds, `${sha256(`${insideSha256} ${image.record.files.modules.sha256}`)}.cpio`)
  if (!existsSync(path)) {
    const modules = readFileSync(image.modules)
    const init = cpioOf([{ path: 'init', mode: 0o755, data: readFileSync(insideBinary) }])
    writeWhole(path, Buffer.concat([init, modules]), 0o600)
  }
  return path
}
