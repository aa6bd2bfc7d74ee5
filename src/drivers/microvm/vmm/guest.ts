import { defaultCaps, type Caps } from '../../../inside/caps.ts'
import { openInside, type Inside } from '../../../inside/client.ts'
import { connectFramed } from '../../../inside/framing/connect.ts'
import { GloveboxError } from '../../../errors.ts'
import { readAhead } from '../../../system/read-ahead.ts'
import type { Machine } from './machine.ts'

/**
 * All calls of a guest are on one connection, and its processors are shared with the host's other work: what would be silence of
 * a process beside us is a busy moment here.
 */
export const guestCaps: Caps = { ...defaultCaps, connectMs: 20_000, callMs: 20_000, silenceMs: 10_000 }

/** Above the window that an honest inside gives for a connection (docs/channel.md, "What is capped"). */
const maxWaiting = 12 * 1024 ** 2

/** A clone answers in milliseconds; on a host that swaps it takes seconds. */
export const clonePatience: Patience = { againMs: 20, patienceMs: 20_000 }
/** Booting under emulation on a busy host. */
export const bootPatience: Patience = { againMs: 100, patienceMs: 120_000 }

export interface Patience {
  readonly againMs: number
  readonly patienceMs: number
}

/**
 * Connects to the inside that is the guest's init. One that was connected before loses that connection.
 * @throws GloveboxError NOT_STARTED with the machine's last words when it ends before it answers, CHANNEL_LOST when nobody does
 */
export async function enterGuest(machine: Machine, patience: Patience): Promise<Inside> {
  const gone = machine.ended.then(({ asked, lastWords }): never => {
    throw new GloveboxError('NOT_STARTED', `the virtual machine ended before it answered${said(lastWords)}`, {
      fix: asked ? undefined : 'glovebox doctor says whether this host can run one',
    })
  })
  gone.catch(() => undefined) // only of interest while we wait
  const { stream } = await Promise.race([connectFramed(machine.transport, patience), gone])
  return Promise.race([openInside(readAhead(stream, maxWaiting), guestCaps), gone])
}

function said(lastWords: string): string {
  return lastWords === '' ? '' : `: ${lastWords}`
}
