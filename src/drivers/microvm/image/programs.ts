import { lstatSync } from 'node:fs'
import { join } from 'node:path'
import { namesIn } from '../../../packages/store/staging.ts'

/** The PATH of Debian, and of most. */
const directories = ['usr/local/sbin', 'usr/local/bin', 'usr/sbin', 'usr/bin', 'sbin', 'bin']

/** What can be started without a path in a root filesystem. A link counts by its name: it may lead anywhere. */
export function programsIn(root: string): string[] {
  const found = directories.flatMap((directory) => {
    const at = join(root, directory)
    if (lstatSync(at, { throwIfNoEntry: false })?.isDirectory() !== true) return []
    return namesIn(at).filter((name) => isProgram(join(at, name)))
  })
  return [...new Set(found)].toSorted()
}

function isProgram(path: string): boolean {
  const stat = lstatSync(path)
  return stat.isSymbolicLink() || (stat.isFile() && (stat.mode & 0o111) !== 0)
}
