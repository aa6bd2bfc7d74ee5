import { lstatSync, realpathSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { GloveboxError } from '../../../errors.ts'
import type { JailMount } from '../../../protocol/jail-plan.ts'
import type { Architecture } from '../architecture.ts'
import { inPath, loaders, systemMounts, versionText } from '../vmm/program.ts'

/** An installed QEMU, and what it needs of the host in order to start. */
export interface Qemu {
  readonly path: string
  /** `7.2.22` */
  readonly version: string
  /** Whether it can lay private memory over a file that it may only read. */
  readonly readOnlyMemory: boolean
  readonly mounts: readonly JailMount[]
  /** What it executes: itself and the loader. */
  readonly executables: readonly string[]
  /** What else while a template is made: the programs of the line by which the state is written (machine.ts). */
  readonly stateWriters: readonly string[]
}

const programs: Readonly<Record<Architecture, string>> = { x64: 'qemu-system-x86_64', arm64: 'qemu-system-aarch64' }

/** 7.2 is the oldest that is tried (Debian 12). */
const oldest = [7, 2] as const

/** Where it is, by PATH. @throws GloveboxError HOST_CANNOT naming the package to install */
export function findQemu(env: NodeJS.ProcessEnv, architecture: Architecture): string {
  const name = programs[architecture]
  const found = inPath(env, name)
  if (found !== undefined) return found
  const debian = architecture === 'x64' ? 'qemu-system-x86' : 'qemu-system-arm'
  throw new GloveboxError('HOST_CANNOT', `there is no ${name} in PATH`, {
    fix: `install QEMU (Debian and Ubuntu: apt-get install --no-install-recommends ${debian}; macOS: brew install qemu)`,
  })
}

/** @throws GloveboxError HOST_CANNOT for one that is too old, or says nothing that we understand */
export async function versionOf(path: string): Promise<string> {
  const text = await versionText(path, 'install QEMU 7.2 or later')
  const [, version] = /^QEMU emulator version (\d+\.\d+(?:\.\d+)?)/.exec(text) ?? []
  if (version === undefined) {
    throw new GloveboxError('HOST_CANNOT', `${path} does not say which version of QEMU it is`, {
      fix: 'install QEMU 7.2 or later',
    })
  }
  if (!isAtLeast(version, oldest)) {
    throw new GloveboxError('HOST_CANNOT', `${path} is QEMU ${version}, which is too old`, {
      fix: `install QEMU ${oldest.join('.')} or later`,
    })
  }
  return version
}

export function qemuAt(path: string, version: string): Qemu {
  return {
    path,
    version,
    readOnlyMemory: isAtLeast(version, [8, 2]),
    mounts: systemMounts(path, partsOf),
    executables: [path, ...loaders()],
    stateWriters: stateWriters(),
  }
}

/** As QEMU starts its shell, and that finds programs without a PATH. */
function stateWriters(): string[] {
  const env = { PATH: '/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin' }
  const found = [realpathSync.native('/bin/sh'), inPath(env, 'cat'), inPath(env, 'mv')]
  return [...new Set(found.filter((path) => path !== undefined))]
}

function isAtLeast(version: string, [major, minor]: readonly [number, number]): boolean {
  const [ours = 0, below = 0] = version.split('.').map(Number)
  return ours > major || (ours === major && below >= minor)
}

/** Beside `PREFIX/bin/qemu`: its libraries and firmware. Never the prefix, which may be a home (`~/bin`, `~/.local/bin`). */
function partsOf(path: string): JailMount[] {
  const prefix = dirname(dirname(path))
  const libraries = ['lib', 'lib64', 'libexec'].map((name) => ({ name, exec: true }))
  const data = dataDirectories.map((name) => ({ name, exec: false }))
  const beside = [...libraries, ...data].flatMap(({ name, exec }) => {
    const target = join(prefix, name)
    // A link may lead anywhere.
    return lstatSync(target, { throwIfNoEntry: false })?.isDirectory() === true ? [{ target, exec }] : []
  })
  // Right below a home or the root, `lib` and `share` are as likely somebody's own.
  const kept = isSomebodys(prefix) ? [] : beside
  return [{ target: path, exec: true }, ...kept].map(({ target, exec }) => ({
    source: target,
    target,
    access: 'read',
    exec,
    owner: 'user',
  }))
}

/** `PREFIX/share` has other programs' data too: only what QEMU looks into (its own, and the firmware that packages share). */
const dataDirectories = ['share/qemu', 'share/seabios', 'share/qemu-firmware']

/** Whether a directory is the root, a home, or one that homes are in. */
function isSomebodys(prefix: string): boolean {
  const home = homedir()
  return prefix === '/' || home === prefix || home.startsWith(`${prefix}/`)
}
