import type { StdioOptions } from 'node:child_process'
import { once } from 'node:events'
import { text } from 'node:stream/consumers'
import type { Readable } from 'node:stream'
import { reportsIn, sceneOf, wordsOf, type Attack, type Report, type Scene } from './attack.ts'
import type { JailOptions } from './jail.ts'
import type { Place } from './place.ts'

/** Runs those attacks outside that this identity can show to work, each where it says. */
export async function runControls(
  place: Place,
  attacks: readonly Attack[],
  through: readonly string[] = [],
): Promise<Map<string, Report>> {
  const all = new Map<string, Report>()
  for (const side of ['host', 'namespaces'] as const) {
    const these = attacks.filter(({ control }) => 'on' in control && control.on === side && isFor(control, place))
    if (these.length === 0) continue
    const scene = sceneOf(place, side)
    // Attacks on the mount tree change what the next one would find: each has namespaces of its own.
    const runs = side === 'host' ? [wordsOf(these, scene)] : these.map((attack) => throwaway(place, attack, scene))
    for (const words of runs) {
      for (const [id, report] of reportsIn(await runOutside(place, words, through))) all.set(id, report)
    }
  }
  return all
}

function throwaway(place: Place, attack: Attack, scene: Scene): string[] {
  return ['throwaway', place.attacks, ...wordsOf([attack], scene)]
}

export function isFor(control: Attack['control'], { runner }: Place): boolean {
  return 'on' in control && (control.as ?? runner.name) === runner.name
}

/** Runs the attacking program on the host, as the place's identity, and returns what it said. */
export async function runOutside(
  place: Place,
  words: readonly string[],
  through: readonly string[] = [],
  stdio: JailOptions['stdio'] = {},
): Promise<string> {
  const { runner } = place
  const [program, ...rest] = [...through, place.attacks, ...words]
  const streams: StdioOptions = [...(stdio.first ?? (['ignore', 'pipe', 'inherit'] as const))]
  // Descriptors from 5 on are handed on, as to the launcher; 3 and 4 are its own there.
  const more = stdio.more === undefined ? [] : (['ignore', 'ignore', ...stdio.more] as const)
  const child = runner.spawn(program ?? '', rest, {
    stdio: [...streams, ...more],
    cwd: place.ws,
    env: { ...runner.env, GLOVEBOX_PARENT_SECRET: place.token },
  })
  const [output] = await Promise.all([text(child.stdout as Readable), once(child, 'exit')])
  return output
}
