import { constants } from 'node:os'
import type { ServerChannel, Session } from 'ssh2'
import { GloveboxError, messageOf } from '../../errors.ts'
import { startProgram, type Program } from '../../inside/program.ts'
import type { ExecEnded, TerminalSize } from '../../protocol/inside/v1.ts'
import { shellOf } from '../running/shell-of.ts'
import type { SshTarget } from './target.ts'
import { serveSftp } from './sftp/serve.ts'

/** As sshd's AcceptEnv usually has it: how the client's terminal speaks, and nothing else of its user's. */
const acceptedVariable = /^(?:LANG|LC_[A-Z]{1,20}|COLORTERM)$/
const maxVariables = 32

/** One program, shell or sftp of a client (RFC 4254, 6). */
export function serveSession(session: Session, target: SshTarget): void {
  const environment: string[] = []
  let terminal: TerminalSize | undefined
  let program: Program | undefined

  session.on('env', (accept, reject, { key, val }) => {
    const isTaken = acceptedVariable.test(key) && environment.length < maxVariables && !val.includes('\0')
    if (isTaken) environment.push(`${key}=${val}`)
    ;(isTaken ? accept : reject)?.()
  })
  session.on('pty', (accept, _reject, info) => {
    // RFC 4254, 6.2: a size of 0 means none.
    terminal = { rows: info.rows || 24, columns: info.cols || 80 }
    environment.push(`TERM=${info.term === '' ? 'xterm' : info.term.slice(0, 64).replaceAll('\0', '')}`)
    accept?.()
  })
  session.on('window-change', (accept, _reject, { rows, cols }) => {
    accept?.()
    const size = { rows: rows || 24, columns: cols || 80 }
    if (terminal !== undefined) terminal = size
    program?.resize(size).catch(() => undefined) // it has ended, which the client is told anyway
  })
  session.on('signal', (accept, _reject, { name }) => {
    accept?.()
    const number = constants.signals[`SIG${name}` as NodeJS.Signals] as number | undefined
    if (number !== undefined) program?.signal(number).catch(() => undefined) // it has ended
  })
  session.on('auth-agent', (_accept, reject) => {
    target.tell('agent forwarding is refused: the keys of your agent are nothing for a sandbox')
    reject?.()
  })
  session.on('x11', (_accept, reject) => {
    target.tell('X11 forwarding is refused: a sandbox would see and type all that your display does')
    reject?.()
  })
  session.on('shell', (accept) => void run(accept(), undefined))
  session.on('exec', (accept, _reject, { command }) => void run(accept(), command))
  session.on('sftp', (accept) => serveSftp(accept(), target.inside.connection, target.directory))

  /** The shell runs it, as sshd(8) has it: clients quote for one. */
  async function run(channel: ServerChannel, command: string | undefined): Promise<void> {
    let isOpen = true
    const closed = new Promise<void>((resolve) => {
      channel.once('close', () => {
        isOpen = false
        resolve()
        program?.kill()
      })
    })
    try {
      const { connection } = target.inside
      const shell = await shellOf(connection)
      const argv = command === undefined ? [shell, '-l'] : [shell, '-c', command]
      const started = await startProgram(
        connection,
        {
          argv: argv.map((word) => Buffer.from(word)),
          environment: environment.map((variable) => Buffer.from(variable)),
          environmentOnly: false,
          directory: undefined,
          terminal,
        },
        async (stream, bytes) => {
          if (isOpen) await Promise.race([sent(channel, stream, bytes), closed])
        },
      )
      program = started
      if (!isOpen) started.kill()
      // What was asked for while it was started.
      if (terminal !== undefined) started.resize(terminal).catch(() => undefined)
      feed(channel, started).catch(() => undefined) // a program that takes no more input has ended, or will
      leave(channel, await started.ended)
    } catch (error) {
      if (!isOpen) return // it was killed because its client has gone
      await new Promise<void>((resolve) => {
        channel.stderr.write(`glovebox: ${messageOf(error)}\n`, () => resolve())
        void closed.then(resolve)
      })
      channel.exit(error instanceof GloveboxError ? error.exitCode : 1)
      channel.end()
    }
  }
}

/** What ssh2 keeps of a write that waited for the client's window, and does not forget when it has been done. */
interface Waiting {
  _chunk: unknown
  _chunkcb: unknown
  _chunkErr: unknown
  _chunkcbErr: unknown
}

/**
 * Settles when it has been sent. One piece at a time over both streams, and what was kept of it removed: of two that wait ssh2
 * wakes one, and by what it kept of an earlier one it would send that again.
 */
async function sent(channel: ServerChannel, stream: 'stdout' | 'stderr', bytes: Uint8Array): Promise<void> {
  await new Promise<void>((resolve) => {
    ;(stream === 'stdout' ? channel : channel.stderr).write(bytes, () => resolve())
  })
  const nothing: Waiting = { _chunk: undefined, _chunkcb: undefined, _chunkErr: undefined, _chunkcbErr: undefined }
  Object.assign(channel, nothing)
}

/** Well below the largest message that the inside takes. */
const pieceBytes = 128 * 1024

/** The next is read when there is room for it: all that has come meanwhile, up to the window. */
async function feed(channel: ServerChannel, program: Program): Promise<void> {
  for await (const chunk of channel as AsyncIterable<Buffer>) {
    for (let at = 0; at < chunk.length; at += pieceBytes) await program.write(chunk.subarray(at, at + pieceBytes))
  }
  await program.endInput()
}

function leave(channel: ServerChannel, { how }: ExecEnded): void {
  const signal = how?.case === 'signal' ? signalName(how.value) : undefined
  // RFC 4254, 6.10.
  if (signal !== undefined) channel.exit(signal, false, '')
  else channel.exit(how?.case === 'code' ? how.value : 128 + (how?.value ?? 0))
  channel.end()
}

/** Without its "SIG"; undefined for one that has no name. */
function signalName(number: number): string | undefined {
  return Object.entries(constants.signals)
    .find(([, each]) => each === number)?.[0]
    .slice(3)
}
