import { request as httpRequest, type RequestOptions } from 'node:http'
import { request as httpsRequest } from 'node:https'
import { GloveboxError, messageOf } from '../errors.ts'
import { patience } from '../system/patience.ts'

/**
 * A registry that says nothing at all in this time is not there: clients give up on a server after 10 s, and a start that
 * cannot be served ends within 5. Asking npm or pip for its registry is part of it, but never takes all of it.
 */
const [patienceMs, leastMs] = [3500, 2000]

/** Where packages come from, and the proxy on the way. */
export interface Registry {
  readonly url: string
  readonly via: string | undefined
}

/**
 * Runs `work` while the registry is asked for anything; when no answer comes, the work is aborted. After a first answer the
 * work takes as long as it takes.
 * @throws GloveboxError naming the registry
 */
export async function whileReachable<T>(
  registry: () => Promise<Registry>,
  work: (signal: AbortSignal) => Promise<T>,
): Promise<T> {
  const [aborting, probing] = [new AbortController(), new AbortController()]
  const working = work(aborting.signal)
  void tryRegistry(registry, probing.signal).catch((error: unknown) => aborting.abort(error))
  // The work may fail first, for a better reason than ours; or be done, and then nobody waits for the probe.
  try {
    return await working
  } catch (error) {
    if (aborting.signal.aborted) throw aborting.signal.reason
    throw error
  } finally {
    probing.abort()
  }
}

async function tryRegistry(registry: () => Promise<Registry>, signal: AbortSignal): Promise<void> {
  const begun = performance.now()
  const found = await registry()
  try {
    await firstAnswer(found, Math.max(leastMs, patienceMs - (performance.now() - begun)), signal)
  } catch (error) {
    throw offlineError(found.url, messageOf(error))
  }
}

/** Settles when anybody answers anything. Whether it is a good answer is for npm or pip to find out, who have the tokens. */
async function firstAnswer({ url, via }: Registry, ms: number, signal: AbortSignal): Promise<void> {
  // pip also takes a directory. npm and pip know more kinds of proxies: only they can tell whether such a one is there.
  if (!/^https?:/.test(url) || (via !== undefined && !via.startsWith('http:'))) return
  await new Promise<void>((resolve, reject) => {
    const isSecure = url.startsWith('https:')
    const asking =
      via === undefined
        ? (isSecure ? httpsRequest : httpRequest)(url, { ...plain, method: 'HEAD', signal })
        : httpRequest(withoutCredentials(via), { ...plain, ...throughProxy(new URL(url)), signal })
    // On a busy machine an answer may be there, and not read yet.
    const settle = patience(ms, () => asking.destroy(new Error(`no answer in ${patienceMs / 1000} s`)))
    const end = (error?: Error): void => {
      settle()
      asking.destroy()
      if (error === undefined) resolve()
      else reject(error)
    }
    asking.once('response', () => end())
    asking.once('connect', () => end())
    // A certificate that Node does not know, or a reset, is somebody's answer.
    asking.on('error', (error) => end(isSilence(error) && !signal.aborted ? error : undefined))
    asking.end()
  })
}

const plain: RequestOptions = { agent: false, headers: { accept: '*/*' } }

/** A secure registry is reached by a tunnel, any other by its whole address (RFC 9110, 9.3.6 and RFC 9112, 3.2.2). */
function throughProxy(url: URL): RequestOptions {
  if (url.protocol !== 'https:') return { method: 'HEAD', path: url.href }
  return { method: 'CONNECT', path: `${url.hostname}:${url.port === '' ? 443 : url.port}` }
}

function isSilence(error: Error): boolean {
  const code = 'code' in error ? String(error.code) : ''
  return code === '' || /^(ENOTFOUND|EAI_AGAIN|ECONNREFUSED|ETIMEDOUT|EHOSTUNREACH|ENETUNREACH)$/.test(code)
}

/** The proxy that the environment names for an address, as npm and pip read it. */
export function proxyFor(url: string, env: NodeJS.ProcessEnv): string | undefined {
  const { protocol, hostname } = new URL(url)
  const either = (name: string): string | undefined => env[name] ?? env[name.toUpperCase()]
  const direct = (either('no_proxy') ?? '').split(',').map((name) => name.trim().replace(/^\*?\./, ''))
  if (direct.some((name) => name !== '' && (name === '*' || hostname === name || hostname.endsWith(`.${name}`))))
    return undefined
  const proxy = either(protocol === 'https:' ? 'https_proxy' : 'http_proxy') ?? either('all_proxy')
  return proxy !== undefined && URL.canParse(proxy) ? proxy : undefined
}

export function offlineError(registry: string, why: string): GloveboxError {
  return new GloveboxError('FAILED', `${registry} cannot be reached (${why}), and the package is not installed`, {
    fix: 'try again with a connection; installed ahead with `glovebox package install -- COMMAND`, it starts without one',
  })
}

/** An address without the name and the password that may be in it. */
export function withoutCredentials(text: string): string {
  const url = new URL(text)
  url.username = ''
  url.password = ''
  return url.href
}
