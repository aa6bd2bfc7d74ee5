import type { OnRequest } from '../http/forward.ts'
import { BodyRefused } from '../http/forward.ts'
import { hostOf } from '../http/authority.ts'
import type { Header, RequestHost } from './request.ts'
import type { Secrets, StrayPlaceholder } from './secrets.ts'

/** Puts secrets into requests as they are forwarded, keeps placeholders from other hosts, and values out of answers. */
export function onRequestFor(secrets: Secrets): OnRequest {
  return async (head) => {
    const host: RequestHost = { name: hostOf(head.to), port: head.to.port, clear: !head.secure }
    const injected = secrets.injectRequest(host, head)
    if ('refused' in injected) {
      const { secret, why, fix } = injected.refused
      return { kind: 'refused', rule: `secrets.${secret}`, reason: `${why}: ${fix}` }
    }
    const body = secrets.scanBody(host, (stray) => bodyRefused(stray))
    const trailers = (found: readonly Header[]): BodyRefused | undefined => {
      const stray = secrets.strayInTrailers(host, found)
      return stray === undefined ? undefined : bodyRefused(stray)
    }
    const answer = {
      headers: (headers: readonly Header[]) => secrets.redactHeaders(host, headers),
      body: () => secrets.redactBody(host),
    }
    return { head: { ...head, ...injected.head }, body, trailers, answer: secrets.binds(host) ? answer : undefined }
  }
}

function bodyRefused(stray: StrayPlaceholder): BodyRefused {
  return new BodyRefused({ kind: 'refused', rule: `secrets.${stray.secret}`, reason: stray.message })
}
