/** A line of a comparison, as `diff -u` marks it. */
export interface DiffLine {
  readonly mark: ' ' | '-' | '+'
  readonly text: string
}

/** Beyond this many comparisons the middle is told as removed and added whole. */
const maxCells = 4_000_000

/** What has to be done to the lines of one text to get those of another, with some unchanged lines around. */
export function diffLines(before: string, after: string, context: number = 3): DiffLine[] {
  return withContext(compare(linesOf(before), linesOf(after)), context)
}

function linesOf(text: string): string[] {
  const lines = text.split(/\r\n|\n|\r/)
  return lines.at(-1) === '' ? lines.slice(0, -1) : lines
}

function compare(before: readonly string[], after: readonly string[]): DiffLine[] {
  let start = 0
  while (start < before.length && start < after.length && before[start] === after[start]) start++
  let end = 0
  while (end < before.length - start && end < after.length - start && before.at(-1 - end) === after.at(-1 - end)) end++
  const [left, right] = [before.slice(start, before.length - end), after.slice(start, after.length - end)]
  const same = (text: string): DiffLine => ({ mark: ' ', text })
  return [...before.slice(0, start).map(same), ...middle(left, right), ...before.slice(before.length - end).map(same)]
}

/** The longest common subsequence, from its table of lengths. */
function middle(left: readonly string[], right: readonly string[]): DiffLine[] {
  const removed = left.map((text): DiffLine => ({ mark: '-', text }))
  const added = right.map((text): DiffLine => ({ mark: '+', text }))
  if (left.length * right.length === 0 || left.length * right.length > maxCells) return [...removed, ...added]
  const width = right.length + 1
  const lengths = new Uint32Array((left.length + 1) * width)
  const at = (i: number, j: number): number => lengths[i * width + j] ?? 0
  for (let i = left.length - 1; i >= 0; i--) {
    for (let j = right.length - 1; j >= 0; j--) {
      lengths[i * width + j] = left[i] === right[j] ? at(i + 1, j + 1) + 1 : Math.max(at(i + 1, j), at(i, j + 1))
    }
  }
  const lines: DiffLine[] = []
  let [i, j] = [0, 0]
  while (i < left.length || j < right.length) {
    if (i < left.length && j < right.length && left[i] === right[j]) {
      lines.push({ mark: ' ', text: left[i] ?? '' })
      i++
      j++
    } else if (i < left.length && (j === right.length || at(i + 1, j) >= at(i, j + 1))) {
      lines.push(...removed.slice(i, ++i))
    } else lines.push(...added.slice(j, ++j))
  }
  return lines
}

/** Unchanged lines far from any change are left out, and told so. */
function withContext(lines: readonly DiffLine[], context: number): DiffLine[] {
  const near = lines.map(() => false)
  for (const [index, { mark }] of lines.entries()) {
    if (mark === ' ') continue
    for (let at = Math.max(0, index - context); at <= Math.min(lines.length - 1, index + context); at++) near[at] = true
  }
  const shown: DiffLine[] = []
  for (const [index, line] of lines.entries()) {
    if (near[index] === true) shown.push(line)
    else if (index > 0 && near[index - 1] === true && near.indexOf(true, index) >= 0)
      shown.push({ mark: ' ', text: '…' })
  }
  return shown
}
