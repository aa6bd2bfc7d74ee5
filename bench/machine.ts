import { spawnSync } from 'node:child_process'
import { cpus, machine as architecture, release, totalmem } from 'node:os'
import path from 'node:path'

export const root: string = path.resolve(import.meta.dirname, '..')

/** Where and on what the figures were taken: without this they mean nothing. */
export interface Machine {
  readonly cpu: string
  readonly cores: number
  readonly memoryBytes: number
  readonly kernel: string
  readonly architecture: string
  readonly node: string
  readonly user: 'root' | 'user'
}

export function machine(): Machine {
  const [cpu] = cpus()
  return {
    cpu: cpu?.model ?? 'unknown',
    cores: cpus().length,
    memoryBytes: totalmem(),
    kernel: release(),
    architecture: architecture(),
    node: process.version,
    user: process.getuid?.() === 0 ? 'root' : 'user',
  }
}

/** The commit, with `+` where the tree differs from it. A clone of somebody else's counts too (safe.directory). */
export function commit(): string {
  const git = (...args: string[]): string | undefined => {
    const run = spawnSync('git', ['-c', 'safe.directory=*', ...args], { cwd: root, encoding: 'utf8' })
    return run.status === 0 ? run.stdout.trim() : undefined
  }
  const head = git('rev-parse', '--short=12', 'HEAD')
  if (head === undefined) return 'unknown'
  return git('status', '--porcelain', '--untracked-files=no') === '' ? head : `${head}+`
}
