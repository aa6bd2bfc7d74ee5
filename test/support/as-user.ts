import { spawn, spawnSync, type ChildProcess, type SpawnOptions, type SpawnSyncReturns } from 'node:child_process'
import { chmodSync, chownSync, mkdirSync, mkdtempSync, rmSync } from 'node:fs'
import path from 'node:path'
import { compiledFor } from './compiled.ts'
import { readableTree } from './readable-tree.ts'
import { isLong } from './requirement.ts'

/** No passwd entry has it anywhere: a user that nobody prepared anything for. */
export const ordinaryUid = 61234

/** An identity that tests run as, with places of its own. */
export interface Runner {
  /** `root`: real root. `user`: an ordinary user without any privilege or supplementary group. */
  readonly name: 'root' | 'user'
  readonly uid: number
  readonly gid: number
  /** The project, readable by this identity: this clone, or a copy of what a run needs. */
  readonly root: string
  /** A Node that this identity can execute. */
  readonly node: string
  /** The launcher, executable by this identity. */
  readonly inside: string
  /** Writable by this identity and nobody else, and gone after the test process: home, and a place for anything. */
  readonly home: string
  readonly tmp: string
  /** A complete environment: PATH, HOME, TMPDIR and the XDG directories, what Node's compiled code is kept in, nothing else. */
  readonly env: Readonly<Record<string, string>>
  spawn(program: string, args: readonly string[], options?: SpawnOptions): ChildProcess
  spawnSync(
    program: string,
    args: readonly string[],
    options?: { input?: string; cwd?: string },
  ): SpawnSyncReturns<string>
}

/**
 * The identities that tests can have here: as root, root and an ordinary user; else the user that we are.
 * What is made for them is removed when this process exits.
 */
export function runners(): Runner[] {
  if (process.getuid?.() !== 0) return [runner('user', process.getuid?.() ?? -1, process.getgid?.() ?? -1)]
  return [runner('root', 0, 0), runner('user', ordinaryUid, ordinaryUid)]
}

/**
 * The identities for tests of what is the same for root: all of them in the long runs, otherwise the ordinary user alone, who may do less.
 * Walls, limits, escapes and the end of processes are tried as everybody (`runners`).
 */
export function usualRunners(): Runner[] {
  return isLong() ? runners() : [ordinaryUser()]
}

/** The one of `runners()` that is no root. */
export function ordinaryUser(): Runner {
  const found = runners().find(({ name }) => name === 'user')
  if (found === undefined) throw new Error('there is always an ordinary user')
  return found
}

function runner(name: Runner['name'], uid: number, gid: number): Runner {
  const places = makePlaces(uid, gid)
  const tree = readableTree(uid, places.base)
  const env = {
    PATH: [path.dirname(tree.node), '/usr/local/bin', '/usr/bin', '/bin'].join(':'),
    HOME: places.home,
    TMPDIR: places.tmp,
    XDG_RUNTIME_DIR: places.run,
    GLOVEBOX_INSIDE: tree.inside,
    LANG: 'C.UTF-8',
    ...compiledFor(uid),
  }
  const identity = { uid, gid, cwd: places.home, env }
  return {
    name,
    uid,
    gid,
    ...tree,
    home: places.home,
    tmp: places.tmp,
    env,
    // libuv drops all supplementary groups when it is given an id (setgroups(0), see uv_spawn).
    spawn: (program, args, options = {}) => spawn(program, args, { ...identity, ...options }),
    spawnSync: (program, args, options = {}) => spawnSync(program, args, { ...identity, ...options, encoding: 'utf8' }),
  }
}

/** One listener for all of them: a file that makes places for each of its tests would have Node warn of a leak that there is not. */
const removeAtExit = remover()

function remover(): (directory: string) => void {
  const directories: string[] = []
  return (directory) => {
    if (directories.push(directory) > 1) return
    process.once('exit', () => {
      // An installed package cannot be written to, not even by its owner, whom that keeps from removing it.
      spawnSync('chmod', ['-R', 'u+rwX', ...directories], { stdio: 'ignore' })
      for (const each of directories) rmSync(each, { recursive: true, force: true })
    })
  }
}

interface Places {
  readonly base: string
  readonly home: string
  readonly tmp: string
  readonly run: string
}

/** Below /tmp and not below TMPDIR, which may be inside a directory that only root enters. */
function makePlaces(uid: number, gid: number): Places {
  const base = mkdtempSync('/tmp/glovebox-test-')
  chmodSync(base, 0o755)
  removeAtExit(base)
  const make = (name: string): string => {
    const directory = path.join(base, name)
    mkdirSync(directory, { mode: 0o700 })
    chownSync(directory, uid, gid)
    return directory
  }
  return { base, home: make('home'), tmp: make('tmp'), run: make('run') }
}
