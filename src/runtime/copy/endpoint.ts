import { GloveboxError } from '../../errors.ts'

/** One side of `cp`. */
export type Endpoint =
  | { readonly kind: 'sandbox'; readonly name: string; readonly path: string }
  | { readonly kind: 'host'; readonly path: string }
  /** `-`: an archive on our stdin or stdout. */
  | { readonly kind: 'archive' }

/**
 * `NAME:PATH`, `-`, or a path of the host. A colon behind a slash is part of a path, so `./a:b` is one.
 * @throws GloveboxError USAGE for a name or a path that is empty
 */
export function parseEndpoint(word: string): Endpoint {
  if (word === '-') return { kind: 'archive' }
  if (word === '') throw new GloveboxError('USAGE', 'an empty path', { fix: 'write . for the working directory' })
  const [, name, path] = /^([^/:]*):(.*)$/s.exec(word) ?? []
  if (name === undefined || path === undefined) return { kind: 'host', path: word }
  if (name === '' || path === '') {
    throw new GloveboxError('USAGE', `"${word}" is no NAME:PATH`, {
      fix: `a path of this machine with a colon in it is written ./${word}`,
    })
  }
  return { kind: 'sandbox', name, path }
}

/** What a path says beyond where it leads (the meaning that `docker cp` gave it). */
export interface PathForm {
  /** Its last part; empty for `/`, `.` and `..`. */
  readonly base: string
  /** `DIR/.`: what is in the directory, without the directory. */
  readonly contents: boolean
  /** `PATH/`: a directory is meant, and a link is followed. */
  readonly slash: boolean
}

export function formOf(path: string): PathForm {
  const trimmed = path.replace(/\/+$/, '')
  const contents = trimmed === '.' || trimmed.endsWith('/.')
  const last = trimmed.slice(trimmed.lastIndexOf('/') + 1)
  const none = last === '.' || last === '..'
  return { base: none ? '' : last, contents: contents || trimmed === '', slash: path.endsWith('/') }
}
