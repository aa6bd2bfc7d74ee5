import { existsSync, realpathSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { GloveboxError } from '../../errors.ts'
import { packageRoot } from '../../package-root.ts'
import { runTool } from '../../system/run-tool.ts'
import type { Resolution } from '../resolution.ts'
import { findNpm } from './find-npm.ts'

/** More than a server gets: compilers are hungry. As defaults they hold where this user has no control group, too. */
const limits = ['--profile', 'build', '--time', '20m']

/**
 * Runs the install scripts of the packages that were allowed by name, each in a jail of its own: without a network, with the
 * tree read-only but for the package's own directory. What it writes is not run there: writable mounts never are.
 * @throws GloveboxError with the last lines of a build that failed
 */
export async function buildAllowed(
  tree: string,
  { entries }: Resolution,
  options: {
    allowed: readonly string[]
    node: string
    env: NodeJS.ProcessEnv
    progress: (line: string) => void
    signal: AbortSignal | undefined
  },
): Promise<void> {
  const { allowed, node, env, progress, signal } = options
  for (const name of allowed) {
    for (const { path, version } of entries.filter((entry) => entry.name === name && entry.scripts)) {
      progress(`running the install scripts of ${name} ${version} in a jail without a network`)
      const words = jailed(tree, path, name, node, env)
      const { code, stdout, stderr } = await runTool({ file: process.execPath, args: words, cwd: '/', env, signal })
      if (code === 0) continue
      const lines = `${stdout}\n${stderr}`
        .split('\n')
        .filter((line) => line.trim() !== '' && !line.startsWith('npm error'))
      const last = lines.slice(-5).join('\n')
      throw new GloveboxError(
        'FAILED',
        `the install scripts of ${name} ${version} failed without a network:\n${last}`,
        {
          fix: 'builds need a compiler, make and python3 on this machine; scripts that download something cannot work',
        },
      )
    }
  }
}

function jailed(tree: string, path: string, name: string, node: string, env: NodeJS.ProcessEnv): string[] {
  const { file, prefix } = findNpm(node, env)
  const npm = dirname(dirname(realpathSync.native(prefix[0] ?? file)))
  const home = dirname(dirname(realpathSync.native(node)))
  // node-gyp would download the headers that lie beside most Nodes.
  const headers = existsSync(join(home, 'include', 'node', 'node.h')) ? ['--env', `npm_config_nodedir=${home}`] : []
  const shown = home === '/usr' ? [] : ['--read', home]
  const policy = ['--read', tree, '--write', join(tree, path), '--read', npm, ...shown, ...headers]
  const rebuild = ['rebuild', name, `--prefix=${tree}`, '--ignore-scripts=false', '--foreground-scripts', '--offline']
  return [
    join(packageRoot(), 'bin', 'glovebox.cjs'),
    'exec',
    '--name',
    `build-${name}`,
    ...limits,
    ...policy,
    '--',
    file,
    ...prefix,
    ...rebuild,
    '--loglevel=error',
  ]
}
