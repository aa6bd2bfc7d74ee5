import { existsSync, lchownSync, mkdirSync, symlinkSync } from 'node:fs'
import path from 'node:path'

/**
 * Where `npm test` has what Node compiles kept for this identity, beside our own (tools/testing/compiled.ts). A test of what
 * a command keeps there by itself gives it an environment without.
 */
export function compiledFor(uid: number | undefined = process.getuid?.()): Record<string, string> {
  const { NODE_COMPILE_CACHE: ours } = process.env
  const theirs = ours === undefined ? undefined : path.join(path.dirname(ours), `${uid}`)
  return theirs === undefined || !existsSync(theirs) ? {} : { NODE_COMPILE_CACHE: theirs }
}

/** For what is started below a home and takes no variables of ours, a daemon: its own place leads to the same code. */
export function shareCompiled(home: string, { uid, gid }: { readonly uid: number; readonly gid: number }): void {
  const { NODE_COMPILE_CACHE: compiled } = compiledFor(uid)
  if (compiled === undefined) return
  const cache = path.join(home, 'cache')
  mkdirSync(cache, { mode: 0o700 })
  symlinkSync(compiled, path.join(cache, 'compiled'))
  for (const made of [cache, path.join(cache, 'compiled')]) lchownSync(made, uid, gid)
}
