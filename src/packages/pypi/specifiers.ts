/** Whether a Python of this version is what `requires-python` allows (PEP 440, for final releases such as 3.12.1). */
export function allowsPython(requires: string, version: string): boolean {
  return requires
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '')
    .every((item) => holds(item, numbers(version)))
}

function holds(item: string, version: readonly number[]): boolean {
  const match = /^(===|==|!=|~=|<=|>=|<|>)\s*v?([0-9.]+?)(\.\*)?(?:(?:a|b|rc|\.dev|\.post)\d*)?$/.exec(item)
  // What cannot be read is what no final release was meant to be kept from.
  if (match?.[1] === undefined || match[2] === undefined) return false
  const wanted = numbers(match[2])
  const order = compare(version, wanted)
  const isPrefix = wanted.every((number, index) => version[index] === number)
  switch (match[1]) {
    case '==':
    case '===':
      return match[3] === undefined ? order === 0 : isPrefix
    case '!=':
      return match[3] === undefined ? order !== 0 : !isPrefix
    case '<=':
      return order <= 0
    case '>=':
      return order >= 0
    case '<':
      return order < 0
    case '>':
      return order > 0
    default:
      // `~= 3.8.1` is `>= 3.8.1, == 3.8.*`.
      return order >= 0 && wanted.slice(0, -1).every((number, index) => version[index] === number)
  }
}

function numbers(version: string): number[] {
  return version.split('.').map(Number)
}

function compare(a: readonly number[], b: readonly number[]): number {
  for (let at = 0; at < Math.max(a.length, b.length); at++) {
    const difference = (a[at] ?? 0) - (b[at] ?? 0)
    if (difference !== 0) return difference
  }
  return 0
}
