import { chmodSync, copyFileSync, existsSync, mkdirSync, readFileSync, rmSync } from 'node:fs'
import path from 'node:path'

/**
 * Lays the native package of this platform out below build/: the manifest that is committed, the licences, and the binary
 * that set-up has just built. It is not laid out in native/npm/ itself, where a clone would find a binary that grows stale.
 */
export function stageNative(root: string): string {
  const platform = `${process.platform}-${process.arch}`
  const source = path.join(root, 'native/npm', platform)
  if (!existsSync(source)) throw new Error(`there is no native package for ${platform}: native/npm has none`)
  requireStatic(path.join(root, 'native/target/release/glovebox-inside'))
  const staged = path.join(root, 'build/packages', `inside-${platform}`)
  rmSync(staged, { recursive: true, force: true })
  mkdirSync(path.join(staged, 'bin'), { recursive: true })
  copyFileSync(path.join(source, 'package.json'), path.join(staged, 'package.json'))
  for (const name of ['LICENSE-MIT', 'LICENSE-APACHE']) copyFileSync(path.join(root, name), path.join(staged, name))
  const binary = path.join(staged, 'bin/glovebox-inside')
  copyFileSync(path.join(root, 'native/target/release/glovebox-inside'), binary)
  chmodSync(binary, 0o755)
  return staged
}

/** A dynamic binary would run here and nowhere else: PT_INTERP names the loader of this system (elf(5)). */
function requireStatic(binary: string): void {
  const bytes = readFileSync(binary)
  const [tableAt, entrySize, entries] = [
    Number(bytes.readBigUInt64LE(32)),
    bytes.readUInt16LE(54),
    bytes.readUInt16LE(56),
  ]
  for (let index = 0; index < entries; index++) {
    if (bytes.readUInt32LE(tableAt + index * entrySize) === ptInterp) throw new Error(`${binary} is not static`)
  }
}

const ptInterp = 3
