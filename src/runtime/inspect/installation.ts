import { existsSync, lstatSync, readdirSync, readFileSync, readlinkSync, realpathSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import type { Need } from '../../policy/host-facts.ts'
import { isWithin } from '../../policy/paths.ts'

/**
 * What lies around an interpreter that is not part of the system: the standard library of a Python, the `node_modules`
 * of a Node's prefix, a virtual environment. `keepLink`: it finds these by the path it was started with,
 * so that links must not be resolved (a virtual environment's `bin/python`).
 */
export function installationNeeds(found: string, real: string, home: string): { needs: Need[]; keepLink: boolean } {
  const environment = dirname(dirname(found))
  const config = join(environment, 'pyvenv.cfg')
  if (existsSync(config)) {
    const base = /^home *= *(.+)$/m.exec(readFileSync(config, 'utf8'))?.[1]?.trim()
    const libraries = base === undefined ? [] : pythonLibraries(dirname(realDirectory(base)))
    const own = isWithin(home, environment) ? [] : [{ path: environment, why: 'virtual environment' }]
    return {
      needs: [...own, ...linksOnTheWay(found), ...pythonLibraries(dirname(dirname(real))), ...libraries],
      keepLink: true,
    }
  }
  const prefix = dirname(dirname(real))
  if (/^(python|pypy)[\d.]*$/.test(basename(real))) return { needs: pythonLibraries(prefix), keepLink: false }
  if (/^(node|nodejs)$/.test(basename(real)))
    return { needs: existing(join(prefix, 'lib', 'node_modules'), 'modules of the interpreter'), keepLink: false }
  return { needs: [], keepLink: false }
}

function realDirectory(path: string): string {
  return existsSync(path) ? realpathSync.native(path) : path
}

/** `lib/python3.*` and the shared library beside it. */
function pythonLibraries(prefix: string): Need[] {
  const lib = join(prefix, 'lib')
  if (prefix === '/usr' || !existsSync(lib)) return []
  return (
    readdirSync(lib)
      .filter((name) => /^(python3(\.\d+)?t?|libpython3.*\.so.*|pypy3.*)$/.test(name))
      .map((name) => join(lib, name))
      // `libpython3.so` is a link to the real one, and the source of a mount is never a link.
      .map((path) => ({ path, source: realpathSync.native(path), why: 'standard library of the interpreter' }))
  )
}

function existing(path: string, why: string): Need[] {
  return existsSync(path) ? [{ path, why }] : []
}

/** The links between a program's name and its file: each has to stand inside for the name to lead there. */
function linksOnTheWay(found: string): Need[] {
  const needs: Need[] = []
  const real = realpathSync.native(found)
  // 40 is the kernel's own limit (path_resolution(7)); realpath has already refused a circle.
  for (let at = found, hops = 0; lstatSync(at).isSymbolicLink() && hops < 40; hops++) {
    at = resolve(dirname(at), readlinkSync(at))
    if (at !== real) needs.push({ path: at, source: real, why: 'link to the interpreter' })
  }
  return needs
}
