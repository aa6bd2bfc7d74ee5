import { stripVTControlCharacters } from 'node:util'

/** The least that a column is made narrow to: words are still read in it. */
const narrowest = 12
const gap = '  '

/**
 * Rows as aligned columns, two spaces apart; the last column is not padded. Styled cells keep their width.
 * `columns`: of a terminal. A table that is wider has its widest columns broken between words.
 */
export function table(rows: readonly (readonly string[])[], columns: number = Infinity): string {
  const natural: number[] = []
  for (const row of rows) row.forEach((cell, at) => (natural[at] = Math.max(natural[at] ?? 0, widthOf(cell))))
  const widths = fit(natural, columns)
  return rows.flatMap((row) => linesOf(row, widths)).join('\n')
}

/** The widest give way first. What has room for no column at all stays as it is: the terminal breaks it. */
function fit(natural: readonly number[], columns: number): number[] {
  const widths = [...natural]
  const room = columns - gap.length * (widths.length - 1)
  const total = (): number => widths.reduce((sum, width) => sum + width, 0)
  while (total() > room) {
    const widest = Math.max(...widths)
    if (widest <= narrowest) return [...natural]
    widths[widths.indexOf(widest)] = widest - 1
  }
  return widths
}

function linesOf(row: readonly string[], widths: readonly number[]): string[] {
  const cells = row.map((cell, at) => broken(cell, widths[at] ?? Infinity))
  const height = Math.max(1, ...cells.map((lines) => lines.length))
  return Array.from({ length: height }, (_, line) =>
    cells
      .map((lines, at) => {
        const text = lines[line] ?? ''
        return at === cells.length - 1 ? text : text + ' '.repeat(Math.max(0, (widths[at] ?? 0) - widthOf(text)))
      })
      .join(gap)
      .trimEnd(),
  )
}

/** At spaces; a word that is too long has a line of its own. What the cell's style began goes on until it ends it: blanks show none of ours. */
function broken(cell: string, width: number): string[] {
  if (widthOf(cell) <= width) return [cell]
  const lines: string[] = []
  let line: string | undefined
  for (const word of cell.split(' ')) {
    const longer: string = line === undefined ? word : `${line} ${word}`
    if (line === undefined || widthOf(longer) <= width) line = longer
    else {
      lines.push(line)
      line = word
    }
  }
  return line === undefined ? lines : [...lines, line]
}

function widthOf(text: string): number {
  return stripVTControlCharacters(text).length
}
