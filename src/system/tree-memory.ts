import { readFileSync } from 'node:fs'

/**
 * Bytes of memory that a process and all below it use, shared pages in proportion (`Pss`, proc_pid_smaps(5)). Undefined where
 * the kernel lets us ask none of them.
 */
export function treeMemory(pid: number): number | undefined {
  let [sum, asked] = [0, 0]
  const found = [pid]
  for (const each of found) {
    const bytes = pssOf(each)
    if (bytes !== undefined) [sum, asked] = [sum + bytes, asked + 1]
    found.push(...childrenOf(each))
  }
  return asked === 0 ? undefined : sum
}

/** The same of all that a process has started, without itself. */
export function childrenMemory(pid: number): number | undefined {
  const known = childrenOf(pid).flatMap((child) => treeMemory(child) ?? [])
  return known.length === 0 ? undefined : known.reduce((sum, bytes) => sum + bytes, 0)
}

/** The child of ours that a process descends from; itself where it does not descend from us. */
export function ownChildAbove(pid: number): number {
  for (let at = pid; at > 1;) {
    const parent = parentOf(at)
    if (parent === process.pid) return at
    if (parent === undefined) return pid
    at = parent
  }
  return pid
}

function pssOf(pid: number): number | undefined {
  const text = read(`/proc/${pid}/smaps_rollup`)
  const [, kib] = /^Pss:\s+(\d+) kB/m.exec(text ?? '') ?? []
  return kib === undefined ? undefined : Number(kib) * 1024
}

function childrenOf(pid: number): number[] {
  return (read(`/proc/${pid}/task/${pid}/children`) ?? '').trim().split(' ').filter(Boolean).map(Number)
}

/** Behind the name, which may have spaces and brackets in it: the state, then the parent (proc_pid_stat(5)). */
function parentOf(pid: number): number | undefined {
  const text = read(`/proc/${pid}/stat`)
  const field = text?.slice(text.lastIndexOf(')') + 2).split(' ')[1]
  return field === undefined ? undefined : Number(field)
}

/** Undefined for what has ended meanwhile, and for what is not ours to ask. */
function read(path: string): string | undefined {
  try {
    return readFileSync(path, 'latin1')
  } catch (error) {
    const code = error instanceof Error && 'code' in error ? String(error.code) : ''
    if (['ENOENT', 'ESRCH', 'EACCES', 'EPERM'].includes(code)) return undefined
    throw error
  }
}
