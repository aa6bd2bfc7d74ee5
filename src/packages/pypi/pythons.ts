import { existsSync } from 'node:fs'
import { homedir } from 'node:os'
import { delimiter, isAbsolute, join } from 'node:path'
import { GloveboxError } from '../../errors.ts'
import { runTool } from '../../system/run-tool.ts'
import { libcOf } from '../elf.ts'
import { stampOf, type Interpreter } from '../interpreter.ts'
import { namesIn } from '../store/staging.ts'

/** A Python of this machine; `path` is the interpreter itself, no shim and no virtual environment's link. */
export interface Python extends Interpreter {
  /** `3.12` */
  readonly minor: string
  /** `24.2`; undefined when it has no pip. */
  readonly pip: string | undefined
}

/** What a Python says of itself; `-I` keeps what is installed for the user out of it. */
const question = `
import json, os, sys, sysconfig
try:
    import pip
    pip = pip.__version__
except ImportError:
    pip = None
base = getattr(sys, '_base_executable', None) or sys.executable
print(json.dumps([os.path.realpath(base), '%d.%d.%d' % sys.version_info[:3], sys.implementation.cache_tag,
                  sysconfig.get_platform(), pip, sys.version_info.releaselevel]))
`

/** The Pythons that are there: the one that `python3` means first, then the newest first. */
export async function findPythons(env: NodeJS.ProcessEnv): Promise<Python[]> {
  const inPath = (env['PATH'] ?? '').split(delimiter).filter((directory) => isAbsolute(directory))
  const home = env['HOME'] ?? homedir()
  const managed = [join(home, '.pyenv', 'versions'), join(home, '.local', 'share', 'uv', 'python')].flatMap((root) =>
    namesIn(root).map((name) => join(root, name, 'bin', 'python3')),
  )
  const numbered = inPath.flatMap((directory) =>
    Array.from({ length: 12 }, (_, index) => join(directory, `python3.${index + 9}`)),
  )
  const first = inPath.map((directory) => join(directory, 'python3'))
  const candidates = [...first, ...numbered, ...managed].filter((path) => existsSync(path))
  const examined = await Promise.all([...new Set(candidates)].map(async (path) => examine(path, env)))
  const found = new Map<string, Python>()
  for (const python of examined) if (python !== undefined && !found.has(python.path)) found.set(python.path, python)
  const [preferred, ...others] = found.values()
  return preferred === undefined ? [] : [preferred, ...others.toSorted((a, b) => minorOf(b) - minorOf(a))]
}

function minorOf({ minor }: Python): number {
  return Number(minor.split('.')[1])
}

/** One that does not answer (a shim without a version behind it, another program of that name) is none. */
async function examine(path: string, env: NodeJS.ProcessEnv): Promise<Python | undefined> {
  const call = { file: path, args: ['-I', '-c', question], cwd: '/', env: pythonEnvironment(env) }
  const { stdout, code } = await runTool(call).catch(() => ({ stdout: '', code: 1 }))
  if (code !== 0) return undefined
  const [real, version, tag, platform, pip, level] = JSON.parse(stdout) as (string | null)[]
  if (typeof real !== 'string' || typeof version !== 'string' || level !== 'final' || !existsSync(real))
    return undefined
  const [major, minor] = version.split('.')
  if (major !== '3') return undefined
  return {
    path: real,
    version,
    minor: `${major}.${minor}`,
    abi: `${tag}-${platform}-${libcOf(real)}`,
    stamp: stampOf(real),
    pip: pip ?? undefined,
  }
}

/** Ours without what would load code into a Python that only installs. */
export function pythonEnvironment(env: NodeJS.ProcessEnv): NodeJS.ProcessEnv {
  return Object.fromEntries(
    Object.entries(env).filter(([name]) => !name.startsWith('PYTHON') && name !== 'VIRTUAL_ENV'),
  )
}

/** Any Python with a pip that can install for another one (`--python`, pip 22.3). */
export function pipDriver(pythons: readonly Python[]): Python {
  const found = pythons.find(({ pip }) => {
    const [major = 0, minor = 0] = (pip ?? '').split('.').map(Number)
    return major > 22 || (major === 22 && minor >= 3)
  })
  if (found !== undefined) return found
  throw new GloveboxError(
    'HOST_CANNOT',
    'there is no Python with pip 22.3 or newer, and packages of PyPI are installed with it',
    {
      fix: 'install pip for a Python that is in PATH (Debian: apt install python3-pip)',
    },
  )
}
