import { request } from 'node:http'
import { setTimeout } from 'node:timers/promises'
import { GloveboxError, messageOf } from '../../../errors.ts'
import { hasCode } from '../../../system/error-code.ts'
import { untrusted } from '../../../ui/untrusted.ts'
import { whatHelpsFullDisk } from '../full-disk.ts'
import type { ApiCall } from './requests.ts'

/** Firecracker's API, on its Unix socket. */
export interface Api {
  /** In their order, each when the one before has been answered. @throws GloveboxError NOT_STARTED with Firecracker's own words */
  send(calls: readonly ApiCall[]): Promise<void>
}

export interface ApiPatience {
  /** Until it listens, which is what it does first of all. */
  readonly listenMs: number
  readonly answerMs: number
}

/** A full snapshot writes as much as the machine has memory. */
const usual: ApiPatience = { listenMs: 10_000, answerMs: 60_000 }

const againMs = 2
const mostAnswerBytes = 64 * 1024

/** @param gone what there is to say when Firecracker has ended meanwhile: then nobody answers any more */
export function openApi(socket: string, gone: Promise<GloveboxError>, patience: ApiPatience = usual): Api {
  let isGone = false
  const ended = gone.then((error): never => {
    isGone = true
    throw error
  })
  ended.catch(() => undefined) // thrown where somebody waits for an answer
  const send = async (calls: readonly ApiCall[]): Promise<void> => {
    for (const each of calls) await call(socket, each, patience, () => isGone)
  }
  return { send: async (calls) => Promise.race([send(calls), ended]) }
}

async function call(
  socket: string,
  each: ApiCall,
  { listenMs, answerMs }: ApiPatience,
  isGone: () => boolean,
): Promise<void> {
  const until = performance.now() + listenMs
  for (;;) {
    try {
      const { status, body } = await answerTo(socket, each, answerMs)
      if (status === 204 || status === 200) return
      throw refused(each, status, body)
    } catch (error) {
      if (error instanceof GloveboxError) throw error
      // The socket is not there yet, or nobody listens on it yet.
      const isEarly = !isGone() && hasCode(error, 'ENOENT', 'ECONNREFUSED') && performance.now() < until
      if (!isEarly) throw failed(`${each.method} ${each.path}: ${messageOf(error)}`, error)
    }
    await setTimeout(againMs)
  }
}

interface Answer {
  readonly status: number
  readonly body: string
}

async function answerTo(socketPath: string, { method, path, body }: ApiCall, answerMs: number): Promise<Answer> {
  const text = JSON.stringify(body)
  const headers = { 'Content-Type': 'application/json', 'Content-Length': Buffer.byteLength(text) }
  return new Promise<Answer>((resolve, reject) => {
    const signal = AbortSignal.timeout(answerMs)
    const asked = request({ socketPath, method, path, headers, agent: false, signal }, (response) => {
      const chunks: Buffer[] = []
      let bytes = 0
      response.on('data', (chunk: Buffer) => {
        bytes += chunk.length
        if (bytes > mostAnswerBytes) asked.destroy(new Error('an answer without end'))
        else chunks.push(chunk)
      })
      response.once('end', () => resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString() }))
      response.once('error', reject)
    })
    asked.once('error', (error) => reject(signal.aborted ? new Error(`no answer within ${answerMs} ms`) : error))
    asked.end(text)
  })
}

/** `400 {"fault_message": …}`, whose words may have those of a guest in them. */
export function refused(
  { method, path }: Pick<ApiCall, 'method' | 'path'>,
  status: number,
  body: string,
): GloveboxError {
  const why = faultOf(body) ?? `status ${status}`
  const what = `${method} ${path}: ${untrusted(why).slice(0, 1000)}`
  if (/No space left on device|os error 28\b/.test(why)) {
    return failed(what, undefined, whatHelpsFullDisk)
  }
  if (path === '/snapshot/load') {
    return failed(what, undefined, 'glovebox template purge: the next start makes the template anew')
  }
  // Its jail gives a memory file only where a control group counts it, since a machine without one would have no bound.
  if (/memfd/.test(why)) {
    return failed(what, undefined, 'let this user have control groups (sudo glovebox doctor --fix), or use --vmm qemu')
  }
  if (/\/dev\/kvm|KVM/i.test(why)) return failed(what, undefined, 'let this user use /dev/kvm, or use --vmm qemu')
  return failed(what)
}

function faultOf(body: string): string | undefined {
  try {
    const { fault_message: fault } = JSON.parse(body) as { fault_message?: unknown }
    return typeof fault === 'string' ? fault : undefined
  } catch {
    return undefined // no JSON: its status has to do
  }
}

function failed(what: string, cause?: unknown, fix?: string): GloveboxError {
  return new GloveboxError('NOT_STARTED', `Firecracker: ${what}`, { fix, cause })
}
