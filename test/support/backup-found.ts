import type { BackupAbout, BackupFound } from '../../src/runtime/workspace/backup.ts'

/** A backup of a sync, or of something else with `more`, that changed these files of a workspace. */
export function backupFound(
  name: string,
  workspace: string,
  paths: readonly string[],
  more: Partial<BackupAbout> = {},
): BackupFound {
  return {
    name,
    directory: `/backups/${name}`,
    about: {
      schema: 'glovebox/workspace-backup/1',
      workspace,
      inode: 1,
      id: 'gbx-1',
      server: 'x',
      atMs: 1,
      items: paths.map((path) => ({ path, op: 'delete', was: { kind: 'file', mode: 0o644 }, is: null })),
      kept: [],
      ...more,
    },
  }
}
