import { lstatSync, readdirSync, readlinkSync } from 'node:fs'
import { dirname, join, normalize } from 'node:path'
import { GloveboxError } from '../../errors.ts'

export interface TreeEntry {
  /** Relative to the tree, `.` for itself. */
  readonly path: string
  readonly kind: 'directory' | 'file' | 'link'
  readonly executable: boolean
  /** Of a link. */
  readonly target?: string
}

/**
 * Everything in a tree, each directory before what is in it, in the order of names.
 * @throws GloveboxError REFUSED for what no package has a reason to bring: devices, sockets, links that lead out
 */
export function listTree(root: string, allowedLinks: ReadonlySet<string> = new Set()): TreeEntry[] {
  const entries: TreeEntry[] = [{ path: '.', kind: 'directory', executable: false }]
  const visit = (directory: string): void => {
    const names = readdirSync(join(root, directory), { withFileTypes: true })
    for (const dirent of names.toSorted((a, b) => (a.name < b.name ? -1 : 1))) {
      const path = directory === '.' ? dirent.name : `${directory}/${dirent.name}`
      if (path.includes('\n')) throw refused(path, 'a line break in a name')
      if (dirent.isDirectory()) {
        entries.push({ path, kind: 'directory', executable: false })
        visit(path)
      } else if (dirent.isSymbolicLink()) {
        const target = readlinkSync(join(root, path))
        if (!allowedLinks.has(path) && leadsOut(path, target)) throw refused(path, `a link to ${target}`)
        entries.push({ path, kind: 'link', executable: false, target })
      } else if (dirent.isFile()) {
        entries.push({ path, kind: 'file', executable: (lstatSync(join(root, path)).mode & 0o111) !== 0 })
      } else throw refused(path, 'neither a file, a directory nor a link')
    }
  }
  visit('.')
  return entries
}

/** Whether a link's target is not below the tree it lies in. */
export function leadsOut(path: string, target: string): boolean {
  return target.startsWith('/') || normalize(join(dirname(path), target)).startsWith('..')
}

function refused(path: string, what: string): GloveboxError {
  return new GloveboxError('REFUSED', `the package brings "${path}", ${what}: it is not installed`, {
    fix: 'report it to its author; no package needs this',
  })
}
