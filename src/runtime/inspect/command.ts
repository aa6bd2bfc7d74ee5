import { realpathSync } from 'node:fs'
import { basename, dirname, resolve } from 'node:path'
import { GloveboxError } from '../../errors.ts'
import type { CommandFacts, Need } from '../../policy/host-facts.ts'
import { isWithin } from '../../policy/paths.ts'
import { installationNeeds } from './installation.ts'
import { inspectPath } from './paths.ts'
import { findProgram, loaderOf, shebangOf } from './program.ts'
import { packageNeeds } from './package.ts'
import { behindShim } from './shim.ts'

/** What a command is made of on this host, and what it needs in order to start. Reads files; starts nothing. */
export function inspectCommand(
  command: readonly string[],
  options: Surroundings & { exec: readonly string[] | null },
): CommandFacts {
  const [name = '', ...args] = command
  const collected = collector(options)
  const path = collected.program(name, 'program')
  const script = scriptOf(basename(path), args, options.cwd)
  if (script !== undefined) collected.script(script.path)
  else if (options.hasOwnPrograms !== true && options.hasWorkspace !== true)
    requireScript(basename(path), args, options.cwd)
  const argv = [name, ...args.map((arg, index) => (index === script?.index ? script.path : arg))]
  const allowed = (options.exec ?? []).flatMap((wanted) => collected.allow(wanted))
  return {
    path,
    argv,
    cwd: options.cwd,
    needs: collected.needs,
    executables: [...collected.executables],
    searchPath: collected.searchPath,
    directories: directoriesAmong(args, options.cwd),
    allowed,
  }
}

interface Surroundings {
  readonly cwd: string
  readonly env: NodeJS.ProcessEnv
  readonly home: string
  /** The driver has programs of its own, which are taken by their names: a shim of ours that leads nowhere says nothing about them. */
  readonly hasOwnPrograms?: boolean
  /** It has a working directory of its own, in which a script may be. */
  readonly hasWorkspace?: boolean
}

function collector(options: Surroundings) {
  const needs: Need[] = []
  const executables = new Set<string>()
  const searchPath: string[] = []

  function add(found: readonly Need[]): void {
    for (const need of found) if (!needs.some(({ path }) => path === need.path)) needs.push(need)
  }

  function lookUp(name: string): string {
    const found = findProgram(name, options.cwd, options.env['PATH'])
    try {
      return behindShim(found, options)
    } catch (error) {
      if (options.hasOwnPrograms === true) return found
      throw error
    }
  }

  /** A program with its interpreters and loaders; the path to execute it by. */
  function program(name: string, why: string, depth = 0): string {
    const found = lookUp(name)
    const real = realpathSync.native(found)
    executables.add(real)
    const installation = installationNeeds(found, real, options.home)
    // What env(1) is to look up comes first: another of that name may be beside env itself.
    if (basename(found) !== 'env') searchPath.push(dirname(isSystem(found) || installation.keepLink ? found : real))
    add(installation.needs)
    const shebang = shebangOf(real)
    if (shebang) {
      add([{ path: real, why }, ...packageNeeds(real, options.home)])
      // The kernel follows at most four interpreter lines (execve(2)).
      if (depth < 4) interpreters(shebang, depth)
    } else {
      add([{ path: real, why }])
      const loader = loaderOf(real)
      if (loader !== undefined) executables.add(loader)
    }
    return installation.keepLink || isSystem(found) ? found : real
  }

  function interpreters(
    { interpreter, argument }: { interpreter: string; argument: string | undefined },
    depth: number,
  ): void {
    program(interpreter, 'interpreter', depth + 1)
    if (basename(interpreter) !== 'env') return
    const words = (argument ?? '').split(/\s+/)
    const named = words.find((word) => word !== '' && !word.startsWith('-') && !word.includes('='))
    if (named !== undefined) program(named, 'interpreter', depth + 1)
  }

  return {
    needs,
    executables,
    searchPath,
    program,
    script: (path: string) => add([{ path, why: 'script' }, ...packageNeeds(path, options.home)]),
    allow(name: string): string[] {
      const before = new Set(executables)
      program(name, 'exec')
      return [...executables].filter((path) => !before.has(path))
    },
  }
}

function isSystem(path: string): boolean {
  return ['/usr', '/bin', '/sbin', '/lib', '/lib64'].some((directory) => isWithin(path, directory))
}

const interpreterNames = /^(node|nodejs|deno|bun|python[\d.]*|pypy[\d.]*|ruby[\d.]*|perl[\d.]*|bash|dash|sh|zsh|java)$/

/** Code, or a module, is what is run then. */
const runsNoFile: ReadonlySet<string> = new Set(['-c', '-e', '-m', '--eval', '-p', '--print', '-s', '-'])

/** The script that an interpreter is given: the first operand that is a file. */
function scriptOf(program: string, args: readonly string[], cwd: string): { index: number; path: string } | undefined {
  if (!interpreterNames.test(program)) return undefined
  for (const [index, arg] of args.entries()) {
    if (runsNoFile.has(arg)) return undefined
    if (arg.startsWith('-')) continue
    const fact = inspectPath(resolve(cwd, arg), cwd)
    if (fact.kind === 'file' && fact.real !== undefined) return { index, path: fact.real }
  }
  return undefined
}

/** What stands before a value of its own, in one of these interpreters or another. */
const takesValue =
  /^(-r|--require|--import|--loader|--experimental-loader|-C|--conditions|-W|-X|-I|-cp|-classpath|--class-path)$/

/**
 * An interpreter reports a script that is not there from within the sandbox, by another path than the user's.
 * @throws GloveboxError NOT_FOUND
 */
function requireScript(program: string, args: readonly string[], cwd: string): void {
  if (!interpreterNames.test(program) || args.some((arg) => runsNoFile.has(arg) || mayRunNoFile.test(arg))) return
  const missing = args.find((arg, index) => !arg.startsWith('-') && !takesValue.test(args[index - 1] ?? ''))
  if (missing === undefined || !namesScript.test(missing) || inspectPath(missing, cwd).kind !== 'missing') return
  const path = resolve(cwd, missing)
  const spelled = path === missing ? '' : ` ("${missing}")`
  throw new GloveboxError('NOT_FOUND', `there is no ${path}${spelled}, which ${program} is to run`, {
    fix: 'check the path, and the directory that it is looked up from',
  })
}

/** Options in one word, `-lc`, `-pe`, `-mjson.tool`, and such with their value: rather too often, since a wrong answer keeps a command from running. */
const mayRunNoFile = /^(?:-[A-Za-z]*[cemps]|--(?:eval|print)=)/i

const namesScript = /^(?!-)[^\s:]*\.([cm]?[jt]s|py|rb|pl|sh|jar)$/

/** Arguments, also the values of `--option=value`, that are spelled as paths and are directories. */
function directoriesAmong(args: readonly string[], cwd: string): { argument: string; path: string }[] {
  return args.flatMap((argument) => {
    const value = argument.startsWith('-') ? argument.slice(argument.indexOf('=') + 1) : argument
    if (
      !(value.startsWith('/') || value.startsWith('./') || value.startsWith('../') || value === '.' || value === '..')
    )
      return []
    const fact = inspectPath(value, cwd)
    return fact.kind === 'directory' ? [{ argument, path: fact.absolute }] : []
  })
}
