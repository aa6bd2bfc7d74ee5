import { channel } from 'node:diagnostics_channel'

/**
 * Says that what a start needs has run: what was compiled for it is kept now, where nothing is kept yet (bin/start.cjs).
 * Before V8's flags are changed: it would be kept for the wrong ones.
 */
export function keepCompiled(): void {
  process.getBuiltinModule('node:module').flushCompileCache()
  channel('glovebox:started').publish(undefined)
}
