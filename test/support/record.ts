import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Fact } from '../../src/protocol/facts.ts'

/** Hands a fresh directory to a test and removes it. */
export function withDirectory<T>(use: (directory: string) => T): T {
  const directory = mkdtempSync(join(tmpdir(), 'glovebox-audit-'))
  const clean = (): void => rmSync(directory, { recursive: true, force: true })
  let result: T
  try {
    result = use(directory)
  } catch (error) {
    clean()
    throw error
  }
  if (result instanceof Promise) return result.finally(clean) as T
  clean()
  return result
}

/** A call, told apart by its id. */
export function call(id: number): Fact {
  return {
    fact: 'message',
    direction: 'client-to-server',
    method: 'tools/call',
    tool: 'read_file',
    id: String(id),
    bytes: 100 + id,
    argumentsSha256: 'a'.repeat(64),
    verdict: 'allowed',
    rule: 'tools.allow',
  }
}
