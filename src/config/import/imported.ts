import { spellPath, type KeyPath } from '../tree.ts'

/** What became of one value of a foreign file. */
export type Verdict =
  | 'taken'
  /** Taken over in another form. */
  | 'changed'
  /** It means nothing here, or nothing that a sandbox has to know. */
  | 'left out'
  /** It means something that cannot be kept: a person has to look. */
  | 'look'

export interface Note {
  /** Offset into the file. */
  readonly at: number
  readonly key: string
  readonly verdict: Verdict
  /** Why, or what it became; empty where there is nothing to say. */
  readonly say: string
}

/** Something like the schema's own servers: it is read by the schema before anything is written. */
export interface ImportedServer {
  readonly type?: 'http' | 'sse'
  readonly command?: string
  readonly args?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  readonly url?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly enabled?: false
  readonly sandbox?: ImportedSandbox
}

export interface ImportedSandbox {
  readonly driver?: string
  readonly filesystem?: {
    readonly read?: readonly string[]
    readonly write?: readonly string[]
    readonly deny?: readonly string[]
  }
  readonly network?: {
    readonly allow?: readonly string[]
    readonly deny?: readonly string[]
    readonly resolvers?: readonly string[]
  }
  readonly exec?: readonly string[]
  readonly limits?: Readonly<Record<string, string | number>>
  readonly lifetime?: 'shared' | 'session' | 'call'
  readonly tools?: {
    readonly allow?: readonly string[]
    readonly deny?: readonly string[]
    readonly each?: Readonly<Record<string, { readonly driver?: string; readonly lifetime?: 'call' }>>
  }
  readonly mode?: 'audit'
}

export interface Imported {
  /** What the file was read as, in words. */
  readonly format: string
  readonly servers: Readonly<Record<string, ImportedServer>>
  /** For all servers. */
  readonly defaults: ImportedSandbox | undefined
  readonly microvm: Readonly<Record<string, string | number>> | undefined
  readonly notes: readonly Note[]
}

/** Collects what is understood, in the order that it is read. */
export interface Notebook {
  readonly notes: Note[]
  note(at: number, path: KeyPath, verdict: Verdict, say?: string): void
}

export function notebook(): Notebook {
  const notes: Note[] = []
  return {
    notes,
    note: (at, path, verdict, say = '') => void notes.push({ at, key: spellPath(path), verdict, say }),
  }
}
