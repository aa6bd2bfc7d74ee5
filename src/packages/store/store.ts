import { join } from 'node:path'

/**
 * The store's directories. What is in `packages/` came there by one rename and is never changed again;
 * all else can be lost without harm, but for `pins/` and `resolutions/`, which say which versions were chosen.
 */
export interface Store {
  readonly root: string
  /** Request → resolution: one small file each. */
  readonly pins: string
  /** Exact versions with integrity, named by their hash. */
  readonly resolutions: string
  /** `KEY/tree` with `KEY/record.json`, `KEY/files.json` and `KEY/watched`. */
  readonly packages: string
  /** Contents by hash, hard-linked into the trees. */
  readonly files: string
  /** What `lstat` said of a tree's files when they were last known to be right. */
  readonly stamps: string
  /** Half-made trees; whoever holds the mutex of their key may remove them. */
  readonly staging: string
  readonly mutexes: string
}

export function storeIn(data: string): Store {
  const root = join(data, 'store')
  const below = (name: string): string => join(root, name)
  return {
    root,
    pins: below('pins'),
    resolutions: below('resolutions'),
    packages: below('packages'),
    files: below('files'),
    stamps: below('stamps'),
    staging: below('staging'),
    mutexes: below('mutexes'),
  }
}
