import { chmodSync, copyFileSync, existsSync, mkdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'

export interface NativeTarget {
  /** As npm's packages call it, and Node itself: `linux-arm64`. */
  readonly platform: string
  /** As Rust calls it. */
  readonly triple: string
  /** The linker of a C compiler for it, as Debian calls it where it is not the machine's own. */
  readonly linker: string
  /** `e_machine` of its programs (elf(5)). */
  readonly machine: number
}

export const nativeTargets: readonly NativeTarget[] = [
  { platform: 'linux-x64', triple: 'x86_64-unknown-linux-gnu', linker: 'x86_64-linux-gnu-gcc', machine: 62 },
  { platform: 'linux-arm64', triple: 'aarch64-unknown-linux-gnu', linker: 'aarch64-linux-gnu-gcc', machine: 183 },
]

export const ownPlatform: string = `${process.platform}-${process.arch}`

/** @throws Error naming those that there are */
export function nativeTarget(platform: string): NativeTarget {
  const found = nativeTargets.find((each) => each.platform === platform)
  if (found !== undefined) return found
  const known = nativeTargets.map((each) => each.platform).join(' and ')
  throw new Error(`there is no native package for ${platform}: native/npm has ${known}`)
}

/** Where cargo puts what it builds for a platform. */
export function releaseOf(root: string, { platform, triple }: NativeTarget): string {
  return path.join(root, 'native/target', ...(platform === ownPlatform ? [] : [triple]), 'release')
}

/**
 * Lays the native package of a platform out below build/: the manifest that is committed, with what it is for, the licences, and the
 * binary that was just built. It is not laid out in native/npm/ itself, where a clone would find a binary that grows stale.
 */
export function stageNative(root: string, target: NativeTarget = nativeTarget(ownPlatform)): string {
  const { platform } = target
  const built = path.join(releaseOf(root, target), 'glovebox-inside')
  if (!existsSync(built)) throw new Error(`${built} is not built: npm run build:native -- --target ${platform}`)
  requireBuiltFor(built, target)
  const staged = path.join(root, 'build/packages', `inside-${platform}`)
  rmSync(staged, { recursive: true, force: true })
  mkdirSync(path.join(staged, 'bin'), { recursive: true })
  writeFileSync(path.join(staged, 'package.json'), manifestOf(root, platform))
  for (const name of ['LICENSE-MIT', 'LICENSE-APACHE']) copyFileSync(path.join(root, name), path.join(staged, name))
  const binary = path.join(staged, 'bin/glovebox-inside')
  copyFileSync(built, binary)
  chmodSync(binary, 0o755)
  return staged
}

/**
 * What it is for is said in the package and not in the clone's manifest: there all of them are workspaces, and npm refuses a workspace
 * that is for another processor (EBADPLATFORM).
 */
function manifestOf(root: string, platform: string): string {
  const text = readFileSync(path.join(root, 'native/npm', platform, 'package.json'), 'utf8')
  const [os, cpu] = platform.split('-')
  return `${JSON.stringify({ ...(JSON.parse(text) as object), os: [os], cpu: [cpu] }, undefined, 2)}\n`
}

/** A dynamic binary would run here and nowhere else: PT_INTERP names the loader of this system (elf(5)). */
export function requireBuiltFor(binary: string, { platform, machine }: NativeTarget): void {
  const bytes = readFileSync(binary)
  if (bytes.toString('latin1', 1, 4) !== 'ELF' || bytes.readUInt16LE(18) !== machine)
    throw new Error(`${binary} is no program for ${platform}`)
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
