import type { Connection } from '../../inside/connection.ts'
import { statInside } from '../../inside/files.ts'

/** The best shell that the sandbox has. */
export async function shellOf(connection: Connection): Promise<string> {
  for (const path of ['/bin/bash', '/usr/bin/bash']) {
    const there = await statInside(connection, path, { follow: true })
    if (there?.kind === 'regular') return path
  }
  return '/bin/sh'
}
