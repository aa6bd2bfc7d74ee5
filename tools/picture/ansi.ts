/** A stretch of text in one style. */
export interface Span {
  readonly text: string
  readonly bold: boolean
  readonly dim: boolean
  /** 0–15 of the terminal's palette, or undefined for its own foreground. */
  readonly color: number | undefined
}

type Style = Omit<Span, 'text'>

const plain: Style = { bold: false, dim: false, color: undefined }

/**
 * Splits what a terminal was sent into lines of spans. Understands SGR as picocolors and tmux write it
 * (ECMA-48, 8.3.117): bold, faint, the sixteen colours, and their ends.
 */
export function spansOf(text: string): Span[][] {
  const lines: Span[][] = []
  let style = plain
  for (const line of text.split('\n')) {
    const spans: Span[] = []
    for (const piece of line.split(/(\x1b\[[\d;]*m)/)) {
      const codes = /^\x1b\[([\d;]*)m$/.exec(piece)?.[1]
      if (codes === undefined) {
        if (piece !== '') spans.push({ text: piece, ...style })
      } else for (const code of codes === '' ? [0] : codes.split(';').map(Number)) style = changed(style, code)
    }
    lines.push(spans)
  }
  return lines
}

function changed(style: Style, code: number): Style {
  if (code === 0) return plain
  if (code === 1) return { ...style, bold: true }
  if (code === 2) return { ...style, dim: true }
  if (code === 22) return { ...style, bold: false, dim: false }
  if (code >= 30 && code <= 37) return { ...style, color: code - 30 }
  if (code >= 90 && code <= 97) return { ...style, color: code - 90 + 8 }
  if (code === 39) return { ...style, color: undefined }
  // The terminal's own background, which the picture has everywhere.
  if (code === 49) return style
  throw new Error(`the picture knows no SGR ${code}`)
}
