import { GloveboxError } from '../errors.ts'
import { makeDirectory } from '../system/make-directory.ts'
import type { Style } from '../ui/style.ts'
import { followDirectory } from './follow.ts'
import type { Entry } from './reader.ts'
import { createReader } from './reader.ts'
import { createRowTable } from './row-table.ts'

export interface TailOptions {
  readonly directory: string
  /** Id of a sandbox or name of a server; all when absent. */
  readonly name: string | undefined
  readonly lines: number
  readonly follow: boolean
  readonly json: boolean
  readonly style: Style
  readonly write: (text: string) => void
  /** Ends following. */
  readonly signal: AbortSignal
}

/** Shows the last events, and with `follow` goes on with what is added until the signal. */
export async function tailAudit(options: TailOptions): Promise<void> {
  const { directory, name, follow } = options
  if (follow) makeDirectory(directory)
  const reader = createReader(directory, name)
  const show = createShow(options)
  const last = reader.last(options.lines)
  if (last.length === 0 && options.lines > 0 && !follow) throw nothing(directory, name)
  show(last)
  if (follow) await followDirectory(directory, (file) => show(reader.more(file)), options.signal)
}

function createShow({ json, style, write }: TailOptions): (entries: readonly Entry[]) => void {
  const render = json ? asLines : createRowTable(style)
  return (entries) => {
    if (entries.length > 0) write(`${render(entries)}\n`)
  }
}

function asLines(entries: readonly Entry[]): string {
  return entries.map((entry) => entry.text).join('\n')
}

function nothing(directory: string, name: string | undefined): GloveboxError {
  return name === undefined
    ? new GloveboxError('FAILED', `nothing is recorded in ${directory} yet`, {
        fix: 'glovebox run and exec record there',
      })
    : new GloveboxError('FAILED', `no server or sandbox "${name}" is in the record`, {
        fix: 'glovebox audit tail lists the newest of all',
      })
}
