import type { Attempt } from '../policy/explain/attempt.ts'
import { attemptOf } from './attempt.ts'
import { listFiles, sandboxOf } from './files.ts'
import { readLines } from './lines.ts'
import { toEntry } from './reader.ts'

/** Everything that one sandbox attempted, in the order of its record. */
export function attemptsOf(directory: string, sandbox: string): Attempt[] {
  const attempts: Attempt[] = []
  for (const path of listFiles(directory).filter((file) => sandboxOf(file) === sandbox)) {
    for (const line of readLines(path)) if (line.whole) attempts.push(attemptOf(toEntry(line.bytes.toString())))
  }
  return attempts
}
