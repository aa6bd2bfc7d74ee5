import assert from 'node:assert/strict'
import type { Socket } from 'node:net'
import type { TestContext } from 'node:test'
import { GloveboxError } from '../../src/errors.ts'
import { defaultCaps, type Caps } from '../../src/inside/caps.ts'
import { openConnection, type Connection } from '../../src/inside/connection.ts'
import type { FilePath, StatsReply } from '../../src/protocol/inside/v1.ts'

export const filePath: FilePath = { root: undefined, path: Buffer.from('a'), noFollow: false }

export const stats: StatsReply = {
  memoryBytes: 4096,
  memoryLimitBytes: 0,
  cpuMs: 1,
  processes: 2,
  processesLimit: 0,
  uptimeMs: 3,
  cpuPressure: undefined,
  memoryPressure: undefined,
  ioPressure: undefined,
  lastDenials: [],
}

export async function connected(
  t: TestContext,
  open: () => Promise<Socket>,
  caps?: Partial<Caps>,
): Promise<Connection> {
  const connection = await openConnection(await open(), { ...defaultCaps, ...caps })
  t.after(() => connection.close())
  return connection
}

/** What a call is expected to end with. */
export function failing(code: string, message: RegExp): (error: unknown) => boolean {
  return (error) => {
    assert.ok(error instanceof GloveboxError, String(error))
    assert.match(error.message, message)
    assert.equal(error.code, code)
    return true
  }
}
