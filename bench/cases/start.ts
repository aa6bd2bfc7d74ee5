import { spawn } from 'node:child_process'
import path from 'node:path'
import { findInside } from '../../src/system/native.ts'
import { toJailPlan } from '../../src/drivers/jail/jail-plan.ts'
import { policyFromFlags } from '../../src/config/policy-flags.ts'
import { prepare } from '../../src/runtime/prepare.ts'
import { atMostAbove, type Figure, type Options, type Way } from '../case.ts'
import { root } from '../machine.ts'
import { installed } from '../programs.ts'
import { summarize } from '../stats.ts'

interface Alternative {
  readonly name: string
  readonly argv: readonly string[]
  readonly plan: string | null
}

const program = '/usr/bin/true'

/** The launcher with a complete policy, against fork and exec of the same program, and bubblewrap where there is one. */
export async function start({ runs }: Options): Promise<Figure[]> {
  const { plan } = await prepare({
    policy: policyFromFlags({}, process.env),
    command: [program],
    name: undefined,
    terminal: false,
  })
  const alternatives: Alternative[] = [
    { name: 'fork and exec', argv: [program], plan: null },
    {
      name: 'glovebox-inside',
      argv: [findInside(process.env), 'jail'],
      plan: JSON.stringify(toJailPlan(plan, { id: 'bench', socket: undefined, egress: undefined }, false)),
    },
  ]
  const bwrap = installed('bwrap')
  if (bwrap !== undefined)
    alternatives.push({ name: 'bubblewrap', argv: [bwrap, ...bubblewrapFlags, program], plan: null })
  const times = await timed({ rounds: runs, warmup: Math.ceil(runs / 10), alternatives })
  const ways = alternatives.map(({ name }): Way => ({ name, summary: summarize(milliseconds(times[name] ?? [])) }))
  const [bare, walled] = ways
  const target = bare && walled ? atMostAbove(bare, walled, 2.5, 'at most 2.5 ms over fork and exec') : undefined
  return [{ name: 'start and end of /usr/bin/true', unit: 'ms', ways, target }]
}

const bubblewrapFlags = (
  '--unshare-all --die-with-parent --ro-bind /usr /usr --symlink usr/bin /bin --symlink usr/lib /lib ' +
  '--symlink usr/lib64 /lib64 --proc /proc --dev /dev --tmpfs /tmp'
).split(' ')

/** The times of programs that `glovebox-timer` starts in turns, in nanoseconds. */
export async function timed(job: object): Promise<Record<string, number[]>> {
  return new Promise((resolve, reject) => {
    const timer = spawn(path.join(root, 'native/target/release/glovebox-timer'), { stdio: ['pipe', 'pipe', 'inherit'] })
    let answer = ''
    timer.stdout.setEncoding('utf8').on('data', (text: string) => (answer += text))
    timer.on('error', reject)
    timer.on('close', (code) => {
      if (code === 0) resolve(JSON.parse(answer) as Record<string, number[]>)
      else reject(new Error(`glovebox-timer ended with exit code ${code}`))
    })
    timer.stdin.end(JSON.stringify(job))
  })
}

export function milliseconds(nanoseconds: readonly number[]): number[] {
  return nanoseconds.map((value) => value / 1e6)
}
