/** Exact versions with integrity: all that has to be known to install the same anywhere. */
export interface Resolution {
  readonly schema: 'glovebox/resolution/1'
  readonly ecosystem: 'npm' | 'pypi'
  readonly roots: readonly Root[]
  readonly entries: readonly ResolvedEntry[]
  /** Wheels are chosen for one Python: `cpython-312-linux-x86_64-glibc`. */
  readonly abi?: string
  /** The installer's own file, for npm: package-lock.json without where things came from. */
  readonly lock?: unknown
}

export interface Root {
  readonly name: string
  readonly version: string
  /** `engines.node`, `requires-python`; empty when it says nothing. */
  readonly requires: string
  readonly extras?: readonly string[]
}

export interface ResolvedEntry {
  /** Where it lies in the tree: `node_modules/a/node_modules/b`; its name for Python. */
  readonly path: string
  readonly name: string
  readonly version: string
  /** `sha512-…` (npm), `sha256:…` (pypi). */
  readonly integrity: string
  /** It has scripts that an installer would run. */
  readonly scripts: boolean
}
