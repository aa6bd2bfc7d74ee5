import { runCommand } from './run-command.ts'

/**
 * Has everything written out that the file system of a path has been told (syncfs(2), which Node has not): for many files much less
 * work than fsync(2) for each. False where there is no sync(1) that does it.
 */
export async function syncDisk(path: string): Promise<boolean> {
  try {
    return (await runCommand('sync', ['-f', '--', path])).code === 0
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'ENOENT') return false
    throw error
  }
}
