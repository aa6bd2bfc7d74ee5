import { closeSync, constants, fstatSync, openSync, readSync } from 'node:fs'
import { homedir } from 'node:os'
import { resolve } from 'node:path'
import { splitWords } from '../../config/command-words.ts'
import { GloveboxError, messageOf } from '../../errors.ts'
import { sourceText, type Secret } from '../../policy/secrets.ts'
import { runTool, type ToolResult } from '../../system/run-tool.ts'

/** A value is a line, not a file. */
const maxBytes = 64 * 1024
/** A value as short as this is in ordinary words too: neither could be told from the other in what comes back. */
const minBytes = 8
const commandMs = 10_000

export interface SourceOptions {
  /** Ours. A variable that is a source is taken out of it: nothing that we start later inherits it. */
  readonly env: NodeJS.ProcessEnv
  /** What relative paths and programs belong to. */
  readonly cwd: string
  /** Told of what is careless and stops nothing. */
  readonly warn: (message: string) => void
  readonly commandMs?: number
}

/**
 * Reads every secret of a plan once, before anything runs.
 * @throws GloveboxError naming the secret and its source, never with what was read
 */
export async function readSources(secrets: readonly Secret[], options: SourceOptions): Promise<Map<string, string>> {
  const values = new Map<string, string>()
  for (const secret of secrets) values.set(secret.name, checked(secret, await read(secret, options)))
  // Behind the last one: two secrets may come from one variable.
  for (const { from } of secrets) if (from.kind === 'env') delete options.env[from.at]
  return values
}

async function read(secret: Secret, options: SourceOptions): Promise<string> {
  switch (secret.from.kind) {
    case 'env':
      return fromEnvironment(secret, options)
    case 'file':
      return fromFile(secret, options)
    case 'cmd':
      return fromCommand(secret, options)
    case 'keyring':
      return fromKeyring(secret, options)
  }
}

function fromEnvironment(secret: Secret, { env }: SourceOptions): string {
  const { at } = secret.from
  const value = env[at]
  if (value === undefined) throw failure(secret, `there is no variable ${at} in our environment`, `set ${at}`)
  return value
}

function fromFile(secret: Secret, { cwd, warn }: SourceOptions): string {
  const { at } = secret.from
  const path = at.startsWith('~/') ? resolve(homedir(), at.slice(2)) : resolve(cwd, at)
  const bytes = reading(secret, () => readOwn(path))
  const { content, mode } = bytes
  if ((mode & 0o022) !== 0) {
    throw failure(secret, 'others may write to this file, and so choose what is sent', `chmod go-w ${path}`)
  }
  // Not refused: where secrets are mounted for a container, they are readable for all of it.
  if ((mode & 0o044) !== 0) warn(`secrets.${secret.name}: others may read ${path} (chmod go-r)`)
  return withoutNewline(text(secret, content))
}

function readOwn(path: string): { content: Buffer; mode: number } {
  // A pipe would otherwise hold us until somebody writes to it.
  const fd = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK)
  try {
    const stat = fstatSync(fd)
    if (!stat.isFile()) throw new Error('this is not a file')
    const room = Buffer.alloc(maxBytes + 2)
    let length = 0
    for (;;) {
      const got = readSync(fd, room, length, room.length - length, null)
      length += got
      if (got === 0 || length === room.length) return { content: room.subarray(0, length), mode: stat.mode }
    }
  } finally {
    closeSync(fd)
  }
}

function reading<T>(secret: Secret, read: () => T): T {
  try {
    return read()
  } catch (cause) {
    throw failure(secret, messageOf(cause), 'name a file that can be read', cause)
  }
}

async function fromCommand(secret: Secret, options: SourceOptions): Promise<string> {
  const [file = '', ...args] = splitWords(secret.from.at, `secrets.${secret.name}: cmd`)
  const program = file.includes('/') ? resolve(options.cwd, file) : file
  const { code, signal, stdout } = await run(secret, program, args, options)
  if (code === 0) return withoutNewline(stdout)
  // What it wrote to stderr may be the secret as well as a reason.
  const how = signal === null ? `ended with exit code ${code}` : `was ended by ${signal}`
  throw failure(secret, `${file} ${how}`, 'run it by hand to see why')
}

/** The Secret Service, by the attributes that libsecret's users write: `account` or `username` beside `service`. */
async function fromKeyring(secret: Secret, options: SourceOptions): Promise<string> {
  const cut = secret.from.at.lastIndexOf('/')
  const [service, account] = [secret.from.at.slice(0, cut), secret.from.at.slice(cut + 1)]
  for (const attribute of ['account', 'username']) {
    const words = ['lookup', 'service', service, attribute, account]
    const { code, stdout } = await run(secret, 'secret-tool', words, options)
    if (code === 0 && stdout !== '') return withoutNewline(stdout)
  }
  throw failure(
    secret,
    'the keyring has no such entry, or is locked',
    `secret-tool store --label='${secret.name}' service ${service} account ${account}`,
  )
}

async function run(
  secret: Secret,
  file: string,
  args: readonly string[],
  { env, cwd, commandMs: ms = commandMs }: SourceOptions,
): Promise<ToolResult> {
  const signal = AbortSignal.timeout(ms)
  try {
    return await runTool({ file, args, cwd, env, signal, maxBytes: maxBytes + 1 })
  } catch (cause) {
    if (signal.aborted)
      throw failure(secret, `${file} took longer than ${ms / 1000} s`, 'run it by hand to see why', cause)
    const isMissing = cause instanceof Error && 'code' in cause && cause.code === 'ENOENT'
    if (isMissing && file === 'secret-tool') {
      const fix = 'install it: libsecret-tools (Debian, Ubuntu), libsecret (Fedora, Arch)'
      throw new GloveboxError('HOST_CANNOT', about(secret, 'the keyring is read by secret-tool, which is not there'), {
        fix,
        cause,
      })
    }
    throw failure(secret, isMissing ? `there is no program ${file}` : messageOf(cause), 'check the command', cause)
  }
}

/** What could end a header, hide in a log, or be no secret at all. */
function checked(secret: Secret, value: string): string {
  const { put, exposed } = secret
  const bytes = Buffer.byteLength(value)
  if (bytes === 0) throw failure(secret, 'it is empty', 'see that the source has a value')
  if (/\p{Cc}/u.test(value) || !value.isWellFormed() || value.includes('\u{fffd}')) {
    throw failure(
      secret,
      'there is a line break, a control character or what is no text in it',
      'use a source of one line of text',
    )
  }
  if (bytes > maxBytes) throw failure(secret, `it is longer than ${maxBytes} bytes`, 'use a source of one line of text')
  if (bytes < minBytes) {
    const why = `it is shorter than ${minBytes} bytes: it could not be told from ordinary words in what comes back`
    throw failure(secret, why, 'use a longer one; what is no secret belongs into --env')
  }
  if (!exposed && put.in === 'header' && !/^[\x21-\x7e](?:[\x20-\x7e]*[\x21-\x7e])?$/.test(value)) {
    throw failure(secret, 'a header takes ASCII without blanks at its ends', 'check the source')
  }
  return value
}

function text(secret: Secret, bytes: Buffer): string {
  try {
    return new TextDecoder('utf-8', { fatal: true, ignoreBOM: true }).decode(bytes)
  } catch (cause) {
    throw failure(secret, 'it is not text (UTF-8)', 'use a source of one line of text', cause)
  }
}

function withoutNewline(value: string): string {
  return value.replace(/\r?\n$/, '')
}

function failure(secret: Secret, why: string, fix: string, cause?: unknown): GloveboxError {
  return new GloveboxError('POLICY_INVALID', about(secret, why), { fix, cause })
}

function about({ name, from }: Secret, why: string): string {
  return `secrets.${name} (${sourceText(from)}): ${why}`
}
