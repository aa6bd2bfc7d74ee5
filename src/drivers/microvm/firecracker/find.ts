import { closeSync, openSync, readSync, realpathSync } from 'node:fs'
import { GloveboxError } from '../../../errors.ts'
import type { JailMount } from '../../../protocol/jail-plan.ts'
import { inPath, isExecutable, loaders, systemMounts, versionText } from '../vmm/program.ts'

/** An installed Firecracker, and what it needs of the host in order to start. */
export interface Firecracker {
  readonly path: string
  /** `1.17.0-dev` */
  readonly version: string
  /** Whether it brings a filter of system calls of its own. */
  readonly hasFilter: boolean
  readonly mounts: readonly JailMount[]
  /** What it executes: itself, and the loader of one that is not static. */
  readonly executables: readonly string[]
}

/** The first whose guests find their devices by ACPI, which Debian's kernel needs (CHANGELOG.md there, 1.8.0). */
const oldest = [1, 8] as const

const releases = 'https://github.com/firecracker-microvm/firecracker/releases'
export const whereToGetFirecracker: string = `put the firecracker of a release (${releases}) into PATH, or name it by microvm.firecracker`

/** Of a template's key. */
export function firecrackerIdentity({ version }: Pick<Firecracker, 'version'>): string {
  return `firecracker ${version}`
}

/**
 * Where it is.
 * @param given the path that a configuration names
 * @throws GloveboxError HOST_CANNOT with where one can be had; nothing is downloaded
 */
export function findFirecracker(env: NodeJS.ProcessEnv, given?: string): string {
  if (given !== undefined) {
    if (isExecutable(given)) return realpathSync.native(given)
    throw new GloveboxError('HOST_CANNOT', `microvm.firecracker: ${given} is no program that can be started`, {
      fix: whereToGetFirecracker,
    })
  }
  const found = inPath(env, 'firecracker')
  if (found !== undefined) return found
  throw new GloveboxError('HOST_CANNOT', 'there is no firecracker in PATH', {
    fix: `${whereToGetFirecracker}; or use --vmm qemu`,
  })
}

/** What it says to `--version`. @throws GloveboxError HOST_CANNOT for what cannot be started */
export async function firecrackerSays(path: string): Promise<string> {
  return versionText(path, whereToGetFirecracker)
}

/** @throws GloveboxError HOST_CANNOT for one that is too old, or says nothing that we understand */
export function readVersion(path: string, text: string): string {
  const [, version, major = 0, minor = 0] = /^Firecracker v((\d+)\.(\d+)\.\d+(?:-[\w.]+)?)\s*$/m.exec(text) ?? []
  if (version === undefined) {
    throw new GloveboxError('HOST_CANNOT', `${path} does not say which version of Firecracker it is`, {
      fix: whereToGetFirecracker,
    })
  }
  const [needed, below] = oldest
  if (Number(major) > needed || (Number(major) === needed && Number(minor) >= below)) return version
  throw new GloveboxError('HOST_CANNOT', `${path} is Firecracker ${version}, which is too old`, {
    fix: `take ${oldest.join('.')} or later: ${whereToGetFirecracker}`,
  })
}

/**
 * Releases are static, built for musl, and have a filter. A build for glibc is linked dynamically, and has an empty one
 * (resources/seccomp/unimplemented.json there).
 */
export function firecrackerAt(path: string, version: string): Firecracker {
  const isStatic = !hasInterpreter(headOf(path))
  const own: JailMount = { source: path, target: path, access: 'read', exec: true, owner: 'user' }
  return {
    path,
    version,
    hasFilter: isStatic,
    mounts: isStatic ? [own] : systemMounts(path, () => [own]),
    executables: isStatic ? [path] : [path, ...loaders()],
  }
}

/** Whether a program header of this ELF file names a loader (PT_INTERP, elf(5)). What is no such file is taken to need one. */
export function hasInterpreter(head: Buffer): boolean {
  if (head.length < 64 || head.toString('latin1', 0, 6) !== '\x7fELF\x02\x01') return true
  const [offset, size, count] = [Number(head.readBigUInt64LE(0x20)), head.readUInt16LE(0x36), head.readUInt16LE(0x38)]
  if (size < 4 || offset + size * count > head.length) return true
  const kinds = Array.from({ length: count }, (_, index) => head.readUInt32LE(offset + size * index))
  return kinds.includes(interpreter)
}

const interpreter = 3

function headOf(path: string): Buffer {
  const fd = openSync(path, 'r')
  try {
    const head = Buffer.alloc(4096)
    return head.subarray(0, readSync(fd, head, 0, head.length, 0))
  } finally {
    closeSync(fd)
  }
}
