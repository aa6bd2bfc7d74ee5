import { watch } from 'node:fs'
import { basename } from 'node:path'
import { listFiles } from './files.ts'

/** Tells of each file of a directory that something is added to, until the signal. */
export async function followDirectory(
  directory: string,
  added: (file: string) => void,
  signal: AbortSignal,
): Promise<void> {
  const { promise, resolve, reject } = Promise.withResolvers<void>()
  const watcher = watch(directory, { signal }, (_, file) => {
    try {
      if (file !== null) added(file)
    } catch (error) {
      reject(error)
      watcher.close()
    }
  })
  watcher.once('error', reject)
  watcher.once('close', resolve)
  // What was written between the last look and the first watch.
  for (const file of listFiles(directory)) added(basename(file))
  await promise
}
