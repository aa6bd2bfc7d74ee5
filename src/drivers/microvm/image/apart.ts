import { join } from 'node:path'
import { GloveboxError } from '../../../errors.ts'
import { runTool } from '../../../system/run-tool.ts'
import { recipesDirectory } from './recipe.ts'
import { toolPath } from './tools.ts'

/**
 * The words before a command that make it root of a user namespace of its own, with one id: an ordinary user needs no
 * subordinate ids for it, and root gives nothing away. It has its own mounts and processes, and ends with us in any case:
 * the parent-death signal (prctl(2)) is unshare's, whose first child is pid 1 of the rest.
 */
const apart = (signal: 'KILL'): string[] => [
  'setpriv',
  '--pdeathsig',
  signal,
  'unshare',
  '--user',
  '--map-root-user',
  '--mount',
  '--pid',
  '--fork',
  `--kill-child=SIG${signal}`,
]

/** The same, and changing the owner of a file succeeds and changes nothing. */
export function asOneId(command: readonly string[]): [file: string, ...args: string[]] {
  const [file = '', ...rest] = [...apart('KILL'), 'perl', join(recipesDirectory(), 'one-id.pl'), ...command]
  return [file, ...rest]
}

/** @throws GloveboxError HOST_CANNOT where a user namespace cannot be had */
export async function requireApart(env: NodeJS.ProcessEnv, signal?: AbortSignal): Promise<void> {
  const [file, ...args] = asOneId(['mount', '-t', 'tmpfs', 'none', '/mnt'])
  const run = await runTool({ file, args, cwd: '/', env: { PATH: toolPath(env) }, signal })
  if (run.code === 0) return
  throw new GloveboxError(
    'HOST_CANNOT',
    `an image is put together in a user namespace, and this host gives none: ${run.stderr.trim().split('\n').at(-1) ?? ''}`,
    {
      fix: 'allow user namespaces, or build it elsewhere (on Ubuntu with sudo) and bring it here: glovebox image build --from ROOT.tar (docs/images.md, "Other hosts")',
    },
  )
}
