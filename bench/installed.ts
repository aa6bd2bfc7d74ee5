import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { launcher, layOut } from '../tools/lay-out.ts'
import { root } from './machine.ts'

/** What the cases start, and with which environment. */
export interface Program extends Disposable {
  readonly glovebox: readonly string[]
  readonly env: NodeJS.ProcessEnv
}

/** The program, with state of its own that is removed afterwards. */
export function prepared(fromClone: boolean): Program {
  const home = mkdtempSync(path.join(tmpdir(), 'glovebox-bench-home-'))
  const env = {
    PATH: [path.dirname(process.execPath), process.env['PATH']].join(path.delimiter),
    HOME: home,
    GLOVEBOX_HOME: home,
    GLOVEBOX_INSIDE: launcher,
  }
  const stub = fromClone ? path.join(root, 'bin/glovebox.cjs') : freshlyLaidOut()
  return {
    // By itself, as npm links it: the stub gives Node options of its own.
    glovebox: [stub],
    env,
    [Symbol.dispose]: () => rmSync(home, { recursive: true }),
  }
}

function freshlyLaidOut(): string {
  const target = path.join(root, 'build/bench')
  rmSync(target, { recursive: true, force: true })
  return layOut(target)
}
