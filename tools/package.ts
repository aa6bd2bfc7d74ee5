import { spawnSync } from 'node:child_process'
import { mkdirSync } from 'node:fs'
import path from 'node:path'
import { root } from './checks.ts'
import { finish, report } from './outcome.ts'
import { stageNative } from './packaging/native-package.ts'

/** `npm run package`: the tarballs of the main package and of this platform's native one, in build/packages. Prints their paths. */
const target = path.join(root, 'build/packages')
mkdirSync(target, { recursive: true })
const build = await finish({ name: 'dist', program: process.execPath, args: ['tools/build.ts'], cwd: root })
if (build.ok) {
  for (const directory of [root, stageNative(root)]) process.stdout.write(`${pack(directory)}\n`)
} else {
  report(build)
  process.exitCode = 1
}

function pack(directory: string): string {
  const args = ['pack', '--json', '--ignore-scripts', '--workspaces=false', '--pack-destination', target]
  const run = spawnSync('npm', args, { cwd: directory, encoding: 'utf8' })
  if (run.status !== 0) throw new Error(`npm pack failed in ${directory}: ${run.stderr}`)
  const [packed] = JSON.parse(run.stdout) as { filename: string }[]
  if (packed === undefined) throw new Error('npm pack has packed nothing')
  return path.join(target, packed.filename)
}
