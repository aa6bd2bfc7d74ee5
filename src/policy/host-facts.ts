/** What `runtime/inspect` found on the host, so that `policy/` can decide without looking. */
export interface HostFacts {
  readonly command: CommandFacts
  /** Every path that the policy names, by the spelling used there. */
  readonly paths: ReadonlyMap<string, PathFact>
  /** What of the usual system directories and files this host has. */
  readonly system: readonly SystemPath[]
  /** Where Glovebox keeps its records, configuration, packages, and what it runs and boots from its cache: no sandbox may change those. */
  readonly own: readonly string[]
  /** Those among them that no sandbox may see either: settings, records, keys, sockets. */
  readonly unseen: readonly string[]
  /** The places among them that sandboxes work in: where a package is built, and what npm and pip keep. Nothing there is believed before it is verified. */
  readonly staging: readonly string[]
  /** The user's home, real path: never mounted by inference. */
  readonly home: string
}

export interface CommandFacts {
  /** Absolute path to execute; a link is kept where its place matters (a virtual environment's `python`). */
  readonly path: string
  /** Relative script arguments are absolute here, since the working directory may not be visible. */
  readonly argv: readonly string[]
  readonly cwd: string
  /** What it needs in order to start, besides the system directories. */
  readonly needs: readonly Need[]
  /** Real paths of the program, its interpreters and their loaders: what an `exec` allowlist must have for the command to start. */
  readonly executables: readonly string[]
  /** Directories that programs of the command line were found in, to be put in front of PATH. */
  readonly searchPath: readonly string[]
  /** Arguments that are directories on the host. */
  readonly directories: readonly { readonly argument: string; readonly path: string }[]
  /** Real paths for the names in the policy's `exec` list. */
  readonly allowed: readonly string[]
}

export interface Need {
  readonly path: string
  /** What stands there, links resolved; the path itself when absent. */
  readonly source?: string
  readonly why: string
}

/** Why something of an interpreter's installation is shown. A machine whose image has that interpreter is given none of it. */
export const whysOfInstallation = {
  libraries: 'standard library of the interpreter',
  modules: 'modules of the interpreter',
  names: 'name of the interpreter',
  settings: 'settings of the interpreter',
  conda: 'conda environment of the interpreter',
  homebrew: 'Homebrew, for the interpreter',
  whole: 'installation of the interpreter',
} as const

export interface PathFact {
  /** Absolute, `.` and `..` removed, links kept. */
  readonly absolute: string
  /** Links resolved; undefined when it does not exist. */
  readonly real: string | undefined
  readonly kind: 'file' | 'directory' | 'other' | 'missing'
}

export interface SystemPath {
  readonly path: string
  /** The same with links resolved (`/etc/localtime`). */
  readonly source: string
  readonly exec: boolean
}
