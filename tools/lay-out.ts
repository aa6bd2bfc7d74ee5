import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, readFileSync } from 'node:fs'
import path from 'node:path'
import { root } from './checks.ts'

/**
 * The program as a package has it (`npm run build`, one bundle for a start) and not as a clone runs it: what people start is what is
 * measured. `target` is a directory below the clone, in whose node_modules its packages are found; what is in it already stays.
 * @returns its bin/glovebox.cjs @throws when it cannot be built
 */
export function layOut(target: string): string {
  const built = spawnSync(process.execPath, ['tools/build.ts'], { cwd: root, encoding: 'utf8' })
  if (built.status !== 0) throw new Error(`npm run build failed:\n${built.stdout}${built.stderr}`)
  const { files } = JSON.parse(readFileSync(path.join(root, 'package.json'), 'utf8')) as { files: string[] }
  for (const name of ['package.json', ...files]) {
    if (existsSync(path.join(root, name))) cpSync(path.join(root, name), path.join(target, name), { recursive: true })
  }
  return path.join(target, 'bin/glovebox.cjs')
}

/** What the program started from there has to be told: the launcher that the clone has built. */
export const launcher: string = path.join(root, 'native/target/release/glovebox-inside')
