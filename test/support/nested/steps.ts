/** For the script of a nested machine: `step NAME; ended COMMAND…`, a command whose failure is a line of its step and no end of the script. */
export const stepWords = `
step() { echo "=== $1"; }
ended() { "$@" 2>&1 || echo "exit $?"; }
`

/** What the script printed, by the names that it gives to its steps. */
export function stepsOf(output: string): ReadonlyMap<string, string> {
  const parts = output.split(/^=== (.*)\n/m).slice(1)
  return new Map(parts.flatMap((name, at) => (at % 2 === 0 ? [[name, (parts[at + 1] ?? '').trim()]] : [])))
}
