import { existsSync, lstatSync, readdirSync, readlinkSync, realpathSync } from 'node:fs'
import { basename, dirname, join, resolve } from 'node:path'
import { whysOfInstallation as whys, type Need } from '../../policy/host-facts.ts'
import { isWithin } from '../../policy/paths.ts'
import { packageRule } from './package.ts'
import { headOf } from './program.ts'

/**
 * What lies around an interpreter that is not part of the system: the standard library of a Python, the `node_modules`
 * of a Node's prefix, a virtual environment. `keepLink`: it finds these by the path it was started with,
 * so that links must not be resolved (a virtual environment's `bin/python`).
 */
export function installationNeeds(found: string, real: string, home: string): { needs: Need[]; keepLink: boolean } {
  const environment = dirname(dirname(found))
  const config = join(environment, 'pyvenv.cfg')
  if (existsSync(config)) {
    const base = /^home *= *(.+)$/m.exec(headOf(config, 16_384).toString('utf8'))?.[1]?.trim()
    const libraries = base === undefined ? [] : pythonLibraries(dirname(realDirectory(base)))
    const own = isWithin(home, environment) ? [] : [{ path: environment, why: 'virtual environment' }]
    return {
      needs: [...own, ...linksOnTheWay(found), ...pythonLibraries(dirname(dirname(real))), ...libraries],
      keepLink: true,
    }
  }
  const whole = wholeInstallation(real)
  if (whole !== undefined && packageRule(real, home)(whole.path)) return { needs: [whole], keepLink: false }
  const prefix = dirname(dirname(real))
  if (basename(real) === 'java') return { needs: javaSettings(prefix), keepLink: false }
  if (/^(python|pypy)[\d.]*t?$/.test(basename(real)))
    return { needs: [...pythonLibraries(prefix), ...pythonNames(found, real)], keepLink: false }
  if (/^(node|nodejs)$/.test(basename(real)))
    return { needs: existing(join(prefix, 'lib', 'node_modules'), whys.modules), keepLink: false }
  if (/^ruby[\d.]*$/.test(basename(real))) return { needs: rubyLibraries(prefix), keepLink: false }
  return { needs: [], keepLink: false }
}

/**
 * What a program can only be started with all of: an environment of conda, Homebrew on Linux, a Java or a .NET. Their parts find each other by
 * where they lie, and which of them one program asks for is not to be seen from outside.
 */
function wholeInstallation(real: string): Need | undefined {
  const prefix = dirname(dirname(real))
  // The system is shown in any case.
  if (isWithin(real, '/usr') || prefix === '/') return undefined
  const cellar = real.indexOf('/Cellar/')
  if (cellar > 0) return { path: real.slice(0, cellar), why: whys.homebrew }
  if (existsSync(join(prefix, 'conda-meta'))) return { path: prefix, why: whys.conda }
  if (basename(real) === 'java' && existsSync(join(prefix, 'lib', 'jvm.cfg'))) return { path: prefix, why: whys.whole }
  const beside = dirname(real)
  if (basename(real) === 'dotnet' && existsSync(join(beside, 'shared'))) return { path: beside, why: whys.whole }
  return undefined
}

/** Those of a distribution's Java are links into /etc, and it does not start without. */
function javaSettings(prefix: string): Need[] {
  const settings = join(prefix, 'conf', 'logging.properties')
  if (!existsSync(settings)) return []
  const directory = dirname(realpathSync.native(settings))
  return isWithin(directory, prefix) ? [] : [{ path: directory, why: whys.settings }]
}

function rubyLibraries(prefix: string): Need[] {
  const lib = join(prefix, 'lib')
  if (prefix === '/usr' || !existsSync(lib)) return []
  return readdirSync(lib)
    .filter((name) => /^(ruby|libruby.*\.so.*)$/.test(name))
    .map((name) => ({
      path: join(lib, name),
      source: realpathSync.native(join(lib, name)),
      why: whys.libraries,
    }))
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
      .map((path) => ({ path, source: realpathSync.native(path), why: whys.libraries }))
  )
}

/**
 * The names of a Python beside itself. It looks for its own in PATH to know which libraries are its own, and would take those of another one
 * that is found there (docs.python.org, "The initialization of the sys.path module search path"); so does what is started by `env python3`.
 */
function pythonNames(found: string, real: string): Need[] {
  const directory = dirname(real)
  if (directory === '/usr/bin') return []
  const others = readdirSync(directory).filter(
    (name) => /^python[\d.]*t?$/.test(name) && isLinkTo(join(directory, name), real),
  )
  return [...new Set([basename(found), ...others])]
    .filter((name) => name !== basename(real))
    .map((name) => ({ path: join(directory, name), source: real, why: whys.names }))
}

function isLinkTo(path: string, real: string): boolean {
  return existsSync(path) && realpathSync.native(path) === real
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
