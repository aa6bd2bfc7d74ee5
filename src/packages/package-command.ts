/** What identifies a resolution: two commands with the same request share one pin. */
export interface PackageRequest {
  readonly ecosystem: 'npm' | 'pypi'
  /** `name@range` (npm) or `name[extra]==1` (PEP 508, pypi); the first is the one whose version is spoken of. */
  readonly packages: readonly string[]
  /** What the command asks for of a Python: a version or its beginning (`3.12`), or specifiers (`>=3.11,<3.13`). */
  readonly python?: string
}

/** What of the installed package is started. */
export type Entry =
  /** The package's own executable, chosen as the runner would; `name` when the command says which. */
  | { readonly kind: 'executable'; readonly name: string | undefined }
  | { readonly kind: 'module'; readonly name: string }
  /** The interpreter itself, with the arguments as they are (`uv run --with X python script.py`). */
  | { readonly kind: 'interpreter' }

/** A command of a package runner, understood. */
export interface PackageCommand {
  readonly kind: 'package'
  /** `npx`, `uvx`, …, as people call it. */
  readonly runner: string
  readonly request: PackageRequest
  readonly entry: Entry
  readonly args: readonly string[]
  /** A name that a project's own `node_modules/.bin` would win for. */
  readonly localName?: string
  /** Only when it was pinned before: `python -m NAME` usually means what is installed in the user's own Python. */
  readonly onlyPinned?: boolean
  /** Flags that mean nothing here, to be told. */
  readonly ignored: readonly string[]
}

/** `docker run … IMAGE`: understood, so that it can be answered. */
export interface ContainerCommand {
  readonly kind: 'image'
  readonly runner: string
  readonly image: string
}

export type Recognised = PackageCommand | ContainerCommand
