import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, mkdtempSync, readFileSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
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
    PATH: process.env['PATH'],
    HOME: home,
    GLOVEBOX_HOME: home,
    GLOVEBOX_INSIDE: path.join(root, 'native/target/release/glovebox-inside'),
  }
  const stub = fromClone ? path.join(root, 'bin/glovebox.cjs') : layOut()
  return {
    glovebox: [process.execPath, stub],
    env,
    [Symbol.dispose]: () => rmSync(home, { recursive: true }),
  }
}

/**
 * The program as a package has it (`npm run build`, one bundle for a start) and not as a clone runs it, laid out below build/:
 * what people start is what is measured. Its packages are found in the clone's node_modules, above it.
 * @returns its bin/glovebox.cjs
 */
function layOut(): string {
  const built = spawnSync(process.execPath, ['tools/build.ts'], { cwd: root, encoding: 'utf8' })
  if (built.status !== 0) throw new Error(`npm run build failed:\n${built.stdout}${built.stderr}`)
  const target = path.join(root, 'build/bench')
  rmSync(target, { recursive: true, force: true })
  const { files } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as { files: string[] }
  for (const name of ['package.json', ...files]) {
    if (existsSync(path.join(root, name))) cpSync(path.join(root, name), path.join(target, name), { recursive: true })
  }
  return path.join(target, 'bin/glovebox.cjs')
}
