import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Problem } from './chain-check.ts'
import { checkEnd, startOf, step } from './chain-check.ts'
import { fileOf, listFiles, sandboxOf } from './files.ts'
import type { Head } from './heads.ts'
import { readHeads } from './heads.ts'
import { maxLineBytes, readLines } from './lines.ts'

export interface ChainReport {
  readonly file: string
  readonly sandbox: string
  /**
   * `unrecorded`: whole in itself, but no head was ever kept for it, so that its end cannot be checked:
   * its owner was killed within its first 100 ms, or the file is not ours.
   */
  readonly state: 'ok' | 'unrecorded' | 'tampered'
  readonly events: number
  /** Events after the last head that was kept: the owner runs, or was killed before the next. */
  readonly afterHead: number
  /** Bytes after the last whole line: a write that a crash tore. */
  readonly tornBytes: number
  readonly problem: Problem | undefined
}

/** Checks all chains of a directory, those too of which only the head is left. */
export function verifyDirectory(directory: string): ChainReport[] {
  // Heads first: what grows between the two reads is then longer than its head, never shorter.
  const heads = readHeads(directory)
  const files = listFiles(directory)
  const found = new Set(files.map(sandboxOf))
  const gone = [...heads.values()].filter((head) => !found.has(head.sandbox))
  return [
    ...files.map((file) => verifyFile(file, heads.get(sandboxOf(file)))),
    ...gone.map((head) => reportMissing(join(directory, fileOf(head.sandbox)), head)),
  ]
}

/**
 * Checks one file against the head kept beside it, or in `directory` for a copy that was taken away.
 * `undefined`: there is neither a file nor a head.
 */
export function verifyOne(file: string, directory: string): ChainReport | undefined {
  const sandbox = sandboxOf(file)
  const head = readHeads(dirname(file)).get(sandbox) ?? readHeads(directory).get(sandbox)
  if (existsSync(file)) return verifyFile(file, head)
  return head === undefined ? undefined : reportMissing(file, head)
}

/** Checks one file against its head. */
export function verifyFile(file: string, head: Head | undefined): ChainReport {
  const sandbox = sandboxOf(file)
  let at = startOf(sandbox)
  let tornBytes = 0
  let problem: Problem | undefined
  for (const line of readLines(file)) {
    if (!line.whole && line.bytes.length <= maxLineBytes) {
      tornBytes = line.bytes.length
      break
    }
    const next = step(at, line, head)
    if ('what' in next) {
      problem = next
      break
    }
    at = next
  }
  problem ??= checkEnd(at, tornBytes, head)
  return {
    file,
    sandbox,
    state: problem !== undefined ? 'tampered' : head === undefined ? 'unrecorded' : 'ok',
    events: at.events,
    afterHead: head === undefined ? 0 : Math.max(0, at.events - head.events),
    tornBytes,
    problem,
  }
}

function reportMissing(file: string, head: Head): ChainReport {
  return {
    file,
    sandbox: head.sandbox,
    state: 'tampered',
    events: 0,
    afterHead: 0,
    tornBytes: 0,
    problem: {
      line: 1,
      what: 'the file is gone',
      expected: `${head.events} events in ${head.bytes} bytes, as its kept head says`,
      found: 'no file',
    },
  }
}
