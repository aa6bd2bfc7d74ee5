import { statSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { Need } from '../../policy/host-facts.ts'
import { ancestors, isWithin } from '../../policy/paths.ts'

const manifests = ['package.json', 'pyproject.toml', 'pyvenv.cfg', 'deno.json'] as const

/**
 * The package around a script: the outermost `node_modules` that it lies in, else the nearest directory with a manifest,
 * and every `node_modules` above, where Node would look too. A home directory and what is above it are never a package,
 * whatever lies in them: that would show the whole home.
 */
export function packageNeeds(script: string, home: string): Need[] {
  const candidates = ancestors(script).filter((directory) => !isWithin(home, directory) && directory !== '/')
  const outermost = candidates.findLast((directory) => directory.endsWith('/node_modules'))
  const root = outermost ?? candidates.find((directory) => manifests.some((name) => exists(join(directory, name))))
  if (root === undefined) return []
  const modules = candidates
    .map((directory) => join(directory, 'node_modules'))
    .filter((directory) => !isWithin(directory, root) && exists(directory))
  return [
    { path: root, why: 'package' },
    ...modules
      .filter((path) => dirname(path) !== home)
      .map((path) => ({ path, why: 'node_modules above the package' })),
  ]
}

function exists(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false }) !== undefined
  } catch {
    return false // not searchable by us: then not by the sandbox either
  }
}
