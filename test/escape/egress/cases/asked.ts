import { allowedName, tokenOf, type Piece } from '../case.ts'

/** Something that is said to the allowed server. */
export interface Asked {
  readonly id: string
  readonly title: string
  readonly say: readonly Piece[]
  /** A request before it, or of it, may arrive; the token may not. */
  readonly rest?: true
}

export const host: string = allowedName
export const own: string = `Host: ${host}`
export const word = (id: string): string => `/${tokenOf(id)}`
/** Allowed, with nothing in it. */
export const good: string = `GET / HTTP/1.1\r\n${own}\r\n\r\n`

interface Line {
  readonly version: string
  readonly method: string
  readonly target: string
  readonly body: string
}

/** A request with these lines in its head, and this body. */
export function head(
  id: string,
  lines: readonly string[],
  { version = '1.1', method = 'GET', target = word(id), body = '' }: Partial<Line> = {},
): string {
  return [`${method} ${target} HTTP/${version}`, ...lines, '', body].join('\r\n')
}
