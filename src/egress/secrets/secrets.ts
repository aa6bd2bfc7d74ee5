import { Transform } from 'node:stream'
import { GloveboxError } from '../../errors.ts'
import { interceptedHosts, isBound, type Secret } from '../../policy/secrets.ts'
import { newPlaceholder, tracesOf } from './placeholder.ts'
import { byName, createRedactor, redactBytes, sameLength, type Needle } from './redact.ts'
import {
  injectRequest,
  mayGo,
  type Header,
  type Held,
  type Injected,
  type RequestHead,
  type RequestHost,
} from './request.ts'
import { createScanner, traceIn, type Trace } from './scan.ts'

/** A body had the placeholder of a secret that is not bound to where it was going. Nothing of it may go on. */
export class StrayPlaceholder extends Error {
  override readonly name: string = 'StrayPlaceholder'
  readonly secret: string

  constructor(secret: string, { name, port }: RequestHost) {
    super(`the placeholder of the secret ${secret} was in a body for ${name}:${port}, which it is not bound to`)
    this.secret = secret
  }
}

/**
 * The secrets of one sandbox, with their values. They live in this process's memory, and leave it in requests to the hosts
 * that they are bound to, or, exposed, in the plan that the driver is handed.
 */
export class Secrets {
  readonly #held: readonly Held[]
  readonly #traces: readonly (Trace & { readonly secret: Secret })[]
  readonly #names: readonly Needle[]

  constructor(secrets: readonly Secret[], values: ReadonlyMap<string, string>) {
    const all = secrets.map((secret): Held => {
      const value = values.get(secret.name)
      if (value === undefined) throw new GloveboxError('INTERNAL', `the secret ${secret.name} was not read`)
      return { secret, value, placeholder: newPlaceholder(secret.name) }
    })
    this.#held = all
    this.#traces = all
      .filter(({ secret }) => !secret.exposed)
      .flatMap(({ secret, placeholder }) =>
        tracesOf(placeholder).map((bytes) => ({ name: secret.name, secret, bytes })),
      )
    this.#names = all.flatMap(({ secret, value }) => byName(value, secret.name))
  }

  /** Whether some secret is put into requests: then each has to be looked at. */
  get bindsAny(): boolean {
    return this.#held.some(({ secret }) => !secret.exposed)
  }

  /** What stands in the environment of the sandbox under the name of each secret. */
  environment(): Record<string, string> {
    return Object.fromEntries(
      this.#held.map(({ secret, value, placeholder }) => [secret.name, secret.exposed ? value : placeholder.text]),
    )
  }

  /** Whether some secret is bound to this host: requests to it have to be read. */
  binds({ name, port }: RequestHost): boolean {
    return this.#held.some(({ secret }) => isBound(secret, name, port))
  }

  /** Whether TLS to this host is read. To every other it passes untouched. */
  intercepts({ name, port }: RequestHost): boolean {
    return this.#held.some(({ secret }) => secret.intercept && isBound(secret, name, port))
  }

  /** The hosts whose TLS is read: what an authority is made for. */
  get read(): string[] {
    return interceptedHosts(this.#held.map(({ secret }) => secret))
  }

  /** The head of a request as it goes out, or why it does not. */
  injectRequest(host: RequestHost, head: RequestHead): Injected {
    const held = this.#held.filter(({ secret }) => !secret.exposed)
    return injectRequest(head, host, { held, traces: this.#traces })
  }

  /** Ends with `StrayPlaceholder` before the last byte of a placeholder that does not belong to this host has gone on. */
  scanBody(host: RequestHost, refused: (stray: StrayPlaceholder) => Error = (stray) => stray): Transform {
    const scanner = createScanner(this.#strangersTo(host))
    return new Transform({
      transform(chunk: Buffer, _, done) {
        const scanned = scanner.push(chunk)
        if ('found' in scanned) done(refused(new StrayPlaceholder(scanned.found, host)))
        else done(null, scanned.pass)
      },
      flush: (done) => done(null, scanner.end()),
    })
  }

  /** The same for what stands behind a body. */
  strayInTrailers(host: RequestHost, trailers: readonly Header[]): StrayPlaceholder | undefined {
    const found = traceIn(Buffer.from(trailers.flat().join('\n'), 'latin1'), this.#strangersTo(host))
    return found === undefined ? undefined : new StrayPlaceholder(found, host)
  }

  /** The headers (or the trailers, or the reason) of a response without the values of secrets that are bound to its host. */
  redactHeaders(host: RequestHost, headers: readonly Header[]): Header[] {
    const needles = this.#needlesFor(host)
    const clean = (text: string): string => redactBytes(Buffer.from(text, 'latin1'), needles).toString('latin1')
    return needles.length === 0 ? [...headers] : headers.map(([name, value]) => [clean(name), clean(value)])
  }

  /** The same for a body. Lengths stay as they are. */
  redactBody(host: RequestHost): Transform {
    return redacting(this.#needlesFor(host))
  }

  /** A text for the sandbox, in which placeholders stand for values. */
  masked(text: string): string {
    return this.#held.reduce((rest, { secret, value, placeholder }) => {
      return secret.exposed ? rest : rest.replaceAll(value, placeholder.text)
    }, text)
  }

  /** The secret whose value is in a text. */
  nameIn(text: string): string | undefined {
    return this.#held.find(({ value }) => text.includes(value))?.secret.name
  }

  /** A text of ours or of the server's for people: messages, errors, lines of a log. */
  redact(text: string): string {
    return this.#names.length === 0 ? text : redactBytes(Buffer.from(text), this.#names).toString()
  }

  /** The same for a stream, such as a server's stderr. */
  redactStream(): Transform {
    return redacting(this.#names)
  }

  #strangersTo(host: RequestHost): Trace[] {
    return this.#traces.filter(({ secret }) => !mayGo(secret, host))
  }

  #needlesFor({ name, port }: RequestHost): Needle[] {
    return this.#held
      .filter(({ secret }) => isBound(secret, name, port))
      .flatMap(({ value, placeholder }) => sameLength(value, placeholder.text))
  }
}

function redacting(needles: readonly Needle[]): Transform {
  const redactor = createRedactor(needles)
  return new Transform({
    transform: (chunk: Buffer, _, done) => done(null, redactor.push(chunk)),
    flush: (done) => done(null, redactor.end()),
  })
}
