import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Duplex } from 'node:stream'
import { findMicrovmHost } from '../../../src/drivers/microvm/host.ts'
import type { MicrovmHost } from '../../../src/drivers/microvm/microvm-host.ts'
import { cpioOf } from '../../../src/drivers/microvm/image/cpio.ts'
import { connectInGuest } from '../../../src/drivers/microvm/vmm/connect.ts'
import type { Inside } from '../../../src/inside/client.ts'
import { sha256 } from '../../../src/system/sha256.ts'
import { writeWhole } from '../../../src/system/write-whole.ts'
import { testImageHome } from '../../support/image.ts'

/** Where the accomplice in the guest listens: native/attacks/src/outside/accomplice.rs. */
export const accompliceSocket = '/run/accomplice'

/**
 * This host, with guests that have a program of ours beside their init: it runs as root in none of the sandboxes. The attacking
 * program is `/init` there, leaves itself behind, and becomes the real one. All else is as in every machine.
 */
export async function hostWithAccomplice(attacks: string, on?: MicrovmHost): Promise<MicrovmHost> {
  const { signal } = new AbortController()
  const host = on ?? (await findMicrovmHost(process.env, { mayBuild: 'watched', signal }))
  const inside = readFileSync(host.inside.path)
  const real = cpioOf([{ path: 'inside', mode: 0o755, data: inside }])
  const modules = Buffer.concat([readFileSync(host.image.modules), real])
  const digest = sha256(modules)
  const path = join(testImageHome, `modules-and-inside-${digest}.cpio`)
  writeWhole(path, modules)
  const { record } = host.image
  const files = { ...record.files, modules: { sha256: digest, bytes: modules.length } }
  return {
    ...host,
    image: { ...host.image, modules: path, record: { ...record, files } },
    inside: { path: attacks, sha256: sha256(readFileSync(attacks)) },
  }
}

/** Starts a program as root in the guest, outside of every sandbox; the stream is its stdin and its output. */
export async function startOutside(inside: Inside, words: readonly string[]): Promise<Duplex> {
  const stream = await connectInGuest(inside, accompliceSocket)
  stream.write(`${words.join('\t')}\n`)
  return stream
}
