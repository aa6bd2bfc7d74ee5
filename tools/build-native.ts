import { spawnSync } from 'node:child_process'
import path from 'node:path'
import { parseArgs } from 'node:util'
import { root } from './checks.ts'
import { nativeTarget, ownPlatform, stageNative, type NativeTarget } from './packaging/native-package.ts'

/**
 * `npm run build:native`: the native package of this platform, as a directory that npm can pack. `-- --target linux-arm64` makes another
 * platform's, where Rust has its standard library and there is a C compiler for it.
 */
const { values } = parseArgs({ options: { target: { type: 'string', default: ownPlatform } } })
const target = nativeTarget(values.target)
if (target.platform === ownPlatform || crossBuild(target)) process.stdout.write(`${stageNative(root, target)}\n`)
else process.exitCode = 1

function crossBuild({ platform, triple, linker }: NativeTarget): boolean {
  const variable = `CARGO_TARGET_${triple.toUpperCase().replaceAll('-', '_')}_LINKER`
  const run = spawnSync(
    process.env['CARGO'] ?? 'cargo',
    ['build', '--release', '--locked', '--workspace', '--target', triple],
    {
      cwd: path.join(root, 'native'),
      env: { [variable]: linker, ...process.env },
      stdio: ['ignore', 'inherit', 'inherit'],
    },
  )
  if (run.status === 0) return true
  process.stderr.write(
    `glovebox-inside for ${platform} was not built. It needs the target (rustup target add ${triple}) and ${linker} with the static C library\n` +
      `(Debian: gcc-${triple.split('-')[0]}-linux-gnu and libc6-dev-${platform.replace('linux-', '').replace('x64', 'amd64')}-cross), or another linker in ${variable}.\n`,
  )
  return false
}
