import { GloveboxError } from '../../../errors.ts'
import { runTool } from '../../../system/run-tool.ts'
import { toolPath } from './tools.ts'

/** Any fixed one: of an image only its contents are to tell it from another. */
const uuid = '67bbe505-6c0f-4b0e-8f5e-000000000000'
/** 2000-01-01, since programs stumble over files from 1970. */
export const fixedTime = 946_684_800
/** 2100-01-01: after any file's. */
const latest = '4102444800'

/**
 * A read-only file system out of a tree. Every file belongs to root; the same tree gives the same bytes. Not compressed: an
 * emulated processor takes half as long again to start Python from lz4 (docs/decisions/0020).
 * @throws GloveboxError FAILED with what mkfs.erofs(1) says
 */
export async function packErofs(
  tree: string,
  target: string,
  options: {
    /** `fixed`: one time for all, `kept`: each file's own. */
    readonly times: 'fixed' | 'kept'
    readonly env: NodeJS.ProcessEnv
    /** What the command is started by. */
    readonly by?: (command: readonly string[]) => [file: string, ...args: string[]]
    readonly signal?: AbortSignal | undefined
  },
): Promise<void> {
  // With times kept, the file system's own is this one too: mkfs.erofs takes it, and earlier ones of files as they are.
  const times =
    options.times === 'fixed' ? { T: [`-T${fixedTime}`], epoch: {} } : { T: [], epoch: { SOURCE_DATE_EPOCH: latest } }
  // Without extended attributes: a label of this host's (security.selinux) means nothing elsewhere.
  const flags = ['-x-1', ...times.T, `-U${uuid}`, '--all-root', '--quiet']
  const command = ['mkfs.erofs', ...flags, target, tree]
  const [file = '', ...args] = options.by?.(command) ?? command
  const run = await runTool({
    file,
    args,
    cwd: '/',
    env: { PATH: toolPath(options.env), ...times.epoch },
    signal: options.signal,
  })
  if (run.code === 0) return
  throw new GloveboxError('FAILED', `mkfs.erofs: ${run.stderr.trim().split('\n').slice(-3).join('; ')}`, {
    fix: 'check that every file in it can be read, and that the disk is not full',
  })
}
