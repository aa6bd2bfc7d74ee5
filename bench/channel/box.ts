import { spawn, spawnSync, type ChildProcess } from 'node:child_process'
import { globSync, mkdtempSync, readFileSync, readlinkSync, rmSync } from 'node:fs'
import { once } from 'node:events'
import { tmpdir } from 'node:os'
import path from 'node:path'

/** A sandbox that runs, to be measured from outside. */
export interface Box extends Disposable {
  readonly name: string
  /** Of its channel. */
  readonly socket: string
  readonly env: NodeJS.ProcessEnv
  /** A directory of its own on the host. */
  readonly home: string
  /** Resident bytes of the process that serves the channel. */
  agentBytes(): number
}

export async function box(glovebox: readonly string[], env: NodeJS.ProcessEnv): Promise<Box> {
  const home = mkdtempSync(path.join(tmpdir(), 'glovebox-bench-'))
  const own = { ...env, GLOVEBOX_HOME: home }
  const [program = '', ...args] = glovebox
  const child = spawn(program, [...args, 'exec', '--name', 'bench', '--', 'sh', '-c', 'echo ready; sleep 10000'], {
    env: own,
    stdio: ['pipe', 'pipe', 'inherit'],
  })
  await once(child.stdout, 'data')
  const status = spawnSync(program, [...args, 'status', '--json'], { env: own, encoding: 'utf8' })
  const [sandbox] = (JSON.parse(status.stdout) as { sandboxes: { id: string }[] }).sandboxes
  const [socket] = globSync(path.join(home, 'runtime/sandboxes-*', `${sandbox?.id}.*`, 'channel'))
  if (socket === undefined) throw new Error('the sandbox has no channel')
  return {
    name: 'bench',
    socket,
    env: own,
    home,
    agentBytes: () => residentOf(agentOf(child)),
    [Symbol.dispose]() {
      child.kill('SIGKILL')
      rmSync(home, { recursive: true, force: true })
    },
  }
}

/** The one of our processes below `owner` that was started last: the agent is forked by the first connection. */
function agentOf(owner: ChildProcess): number {
  const parents = new Map(
    globSync('/proc/[0-9]*/stat').flatMap((file) => {
      const fields = read(file)?.split(') ')[1]?.split(' ')
      return fields === undefined ? [] : [[Number(file.split('/')[2]), Number(fields[1])] as const]
    }),
  )
  const isBelow = (pid: number): boolean => pid === owner.pid || (pid > 1 && isBelow(parents.get(pid) ?? 0))
  const ours = [...parents.keys()].filter((pid) => isBelow(pid) && program(pid) === 'glovebox-inside')
  return Math.max(...ours)
}

function program(pid: number): string {
  try {
    return path.basename(readlinkSync(`/proc/${pid}/exe`))
  } catch {
    return '' // it has gone, or is not ours to look at
  }
}

function residentOf(pid: number): number {
  const [, kilobytes = ''] = /^VmRSS:\s+(\d+) kB/m.exec(read(`/proc/${pid}/status`) ?? '') ?? []
  if (kilobytes === '') throw new Error(`no figure for the process ${pid}`)
  return Number(kilobytes) * 1024
}

function read(file: string): string | undefined {
  try {
    return readFileSync(file, 'utf8')
  } catch {
    return undefined // it has gone meanwhile
  }
}
