import { chmodSync, mkdirSync, readFileSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { runTool } from '../../system/run-tool.ts'
import type { Interpreter } from '../interpreter.ts'
import type { Resolution } from '../resolution.ts'
import type { PipTool } from './pip-tool.ts'
import { pythonEnvironment } from './pythons.ts'

/**
 * A virtual environment with exactly the wheels of a resolution. pip compares each with its hash, builds nothing, and
 * starts the environment's Python only while it is empty: a `.pth` file in a wheel is code that every start would run.
 */
export async function installPypi(
  tree: string,
  final: string,
  {
    resolution,
    interpreter,
    pip,
    env,
  }: {
    resolution: Resolution
    interpreter: Interpreter
    pip: PipTool
    env: NodeJS.ProcessEnv
  },
): Promise<void> {
  const python = makeEnvironment(tree, interpreter)
  const requirements = join(tree, 'requirements.txt')
  const lines = resolution.entries.map(({ name, version, integrity }) => `${name}==${version} --hash=${integrity}\n`)
  writeFileSync(requirements, lines.join(''))
  const fixed = ['--no-deps', '--require-hashes', '--no-compile', '--no-warn-script-location']
  await pip.install(python, [...fixed, '-r', requirements], tree)
  relocateScripts(join(tree, 'bin'))
  await compile(tree, final, interpreter, env)
}

/** What `python -m venv --without-pip` makes, without a path of this place in it (docs.python.org, library/site). */
function makeEnvironment(tree: string, { path, version }: Interpreter): string {
  const minor = version.split('.').slice(0, 2).join('.')
  mkdirSync(join(tree, 'lib', `python${minor}`, 'site-packages'), { recursive: true })
  mkdirSync(join(tree, 'bin'))
  symlinkSync(path, join(tree, 'bin', 'python'))
  for (const name of ['python3', `python${minor}`]) symlinkSync('python', join(tree, 'bin', name))
  const settings = [`home = ${dirname(path)}`, 'include-system-site-packages = false', `version = ${version}`]
  writeFileSync(join(tree, 'pyvenv.cfg'), `${settings.join('\n')}\n`)
  return join(tree, 'bin', 'python')
}

/** Scripts name the Python that they were installed with by its path, which is about to change: they get the one in PATH. */
function relocateScripts(bin: string): void {
  for (const entry of readdirSync(bin, { withFileTypes: true })) {
    if (!entry.isFile()) continue
    const path = join(bin, entry.name)
    const bytes = readFileSync(path)
    if (bytes.subarray(0, 2).toString('latin1') !== '#!') continue
    const text = bytes.toString('utf8')
    // A path that is too long for the kernel is written as a shell script that is Python too (distlib).
    const fitting = text
      .replace(/^#!\/bin\/sh\n'''exec' .*\n' '''\n/, '#!/usr/bin/env python\n')
      .replace(/^#!.*\/bin\/python[\d.]*.*\n/, '#!/usr/bin/env python\n')
    if (fitting !== text) writeFileSync(path, fitting)
    chmodSync(path, 0o755)
  }
}

/**
 * Bytecode ahead of time, since nothing can be written at a start; never compared with the source, which cannot change
 * (PEP 552). Compiling runs none of the code: it is done by the Python of the system, which has not seen the packages.
 */
async function compile(tree: string, final: string, { path }: Interpreter, env: NodeJS.ProcessEnv): Promise<void> {
  const args = ['-I', '-S', '-m', 'compileall', '-q', '-s', tree, '-p', final, '--invalidation-mode', 'unchecked-hash']
  // Its exit code tells of templates and old code in a package that do not compile: they cannot be imported either.
  await runTool({ file: path, args: [...args, join(tree, 'lib')], cwd: '/', env: pythonEnvironment(env) })
}

/** What a distribution put into `bin/`, by its RECORD (packaging.python.org, "Recording installed projects"). */
export function executablesOf(tree: string, distributions: readonly string[]): Map<string, string> {
  const found = new Map<string, string>()
  const lib = join(tree, 'lib')
  const [python = ''] = readdirSync(lib)
  const site = join(lib, python, 'site-packages')
  for (const name of readdirSync(site).filter((entry) => entry.endsWith('.dist-info'))) {
    const distribution = name
      .slice(0, name.lastIndexOf('-', name.length - '.dist-info'.length))
      .toLowerCase()
      .replaceAll(/[-_.]+/g, '-')
    if (!distributions.includes(distribution)) continue
    const record = readFileSync(join(site, name, 'RECORD'), 'utf8')
    for (const [, path] of record.matchAll(/^"?(?:\.\.\/){3}bin\/([^,"/\n]+)"?,/gm))
      if (path !== undefined && !found.has(path)) found.set(basename(path), distribution)
  }
  return found
}
