import pc from 'picocolors'

export interface Style {
  readonly bold: (text: string) => string
  readonly dim: (text: string) => string
  readonly good: (text: string) => string
  readonly bad: (text: string) => string
  readonly warn: (text: string) => string
  /** Of a terminal; undefined for whatever has no width. */
  readonly columns: number | undefined
}

interface Stream {
  readonly isTTY?: boolean
  readonly columns?: number
}

/** Colours on a terminal only, and never where `NO_COLOR` is set (no-color.org). Nothing is told by colour alone. */
export function styleFor(stream: Stream, env: NodeJS.ProcessEnv): Style {
  const wanted = stream.isTTY === true && (env['NO_COLOR'] ?? '') === '' && env['TERM'] !== 'dumb'
  const colors = pc.createColors(wanted)
  const columns = stream.isTTY === true ? stream.columns : undefined
  return { bold: colors.bold, dim: colors.dim, good: colors.green, bad: colors.red, warn: colors.yellow, columns }
}
