import { closeSync, openSync, readFileSync, readSync, statSync } from 'node:fs'
import { join, posix } from 'node:path'
import type { Resolution } from '../resolution.ts'
import type { Executable } from '../store/record.ts'

/** What the packages that were asked for can be started as, and how. */
export function findExecutables(tree: string, roots: Resolution['roots']): Record<string, Executable> {
  const found: Record<string, Executable> = {}
  for (const { name } of roots) {
    const manifest = JSON.parse(readFileSync(join(tree, 'node_modules', name, 'package.json'), 'utf8')) as {
      bin?: string | Record<string, string>
    }
    for (const [bin, target] of Object.entries(binsOf(name, manifest.bin))) {
      const path = posix.join('node_modules', name, target)
      const isBelow = path.startsWith(`node_modules/${name}/`)
      if (!isBelow || statSync(join(tree, path), { throwIfNoEntry: false })?.isFile() !== true) continue
      if (!Object.hasOwn(found, bin)) found[bin] = { package: name, path, interpreterArgs: interpreterArgs(tree, path) }
    }
  }
  return found
}

/** A single `bin` is named as the package is, without its scope (package.json(5)). */
function binsOf(name: string, bin: string | Record<string, string> | undefined): Record<string, string> {
  if (typeof bin === 'string') return { [name.slice(name.indexOf('/') + 1)]: bin }
  return Object.fromEntries(Object.entries(bin ?? {}).filter(([, target]) => typeof target === 'string'))
}

/** `#!/usr/bin/env node` and what else means Node; null for what the kernel starts by itself. */
function interpreterArgs(tree: string, path: string): string[] | null {
  const head = Buffer.alloc(256)
  const fd = openSync(join(tree, path), 'r')
  const text = head.toString('latin1', 0, readSync(fd, head, 0, head.length, 0))
  closeSync(fd)
  const line = /^#!\s*(\S+)[ \t]*([^\r\n]*)/.exec(text)
  if (line === null) return /\.[cm]?js$/.test(path) ? [] : null
  const words = `${line[1]} ${line[2]}`
    .trim()
    .split(/\s+/)
    .filter((word) => word !== '-S')
  const at = words.findIndex((word) => /(^|\/)node(js)?$/.test(word))
  const isNode = at === 0 || (at > 0 && /(^|\/)env$/.test(words[0] ?? ''))
  return isNode ? words.slice(at + 1) : null
}

/**
 * The executable that a runner would take: the named one, the only one, or the one with the package's own name.
 * @returns undefined when there is none such
 */
export function chooseExecutable(
  executables: Readonly<Record<string, Executable>>,
  name: string | undefined,
  root: string,
): Executable | undefined {
  if (name !== undefined) return Object.hasOwn(executables, name) ? executables[name] : undefined
  const own = Object.entries(executables).filter(([, executable]) => executable.package === root)
  // Names for one and the same file are one executable (npm-exec(1)).
  const paths = new Set(own.map(([, { path }]) => path))
  if (paths.size === 1) return own[0]?.[1]
  const short = root.slice(root.indexOf('/') + 1)
  return own.find(([bin]) => bin === short)?.[1]
}
