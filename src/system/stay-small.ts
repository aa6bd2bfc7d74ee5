import { keepCompiled } from './keep-compiled.ts'

/**
 * We carry messages, and a long-lived process beside every server should be small: without the optimizing compilers it is
 * 8 MB smaller (their code is never paged in); the guard's fast path is byte scanning, which the baseline compiler does well
 * enough for tens of thousands of messages a second (bench/, "messages").
 *
 * To be called when the server has been started: V8 keeps compiled code, Node's own and ours, for the flags that it was
 * compiled with, and a start that had to compile all of it would take 15 ms longer.
 */
export function staySmall(): void {
  keepCompiled()
  const { setFlagsFromString } = process.getBuiltinModule('node:v8')
  setFlagsFromString('--no-opt')
  setFlagsFromString('--no-maglev')
}
