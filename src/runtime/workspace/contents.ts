import { closeSync } from 'node:fs'
import { hasCode } from '../../system/error-code.ts'
import type { State, States } from './compare.ts'
import { hashOf } from './hash-file.ts'
import type { Manifest, Original } from './manifest.ts'
import { bytesOf, nameOf, type TreePath } from './path.ts'
import type { Reach } from './reach.ts'
import { breathing, openOwn, type Entry, type Tree } from './tree.ts'

/** Three trees whose contents can be compared. */
export interface Compared {
  readonly original: States
  readonly host: States
  readonly sandbox: States
}

/**
 * Finds out what is equal, reading as little as that takes: a file whose stamp is the one of the start is what it was then; one
 * of another size is another; the rest is hashed.
 */
export async function compareContents(
  trees: { readonly original: Manifest; readonly host: Tree; readonly sandbox: Tree },
  reach: { readonly host: Reach; readonly sandbox: Reach },
  signal: AbortSignal | undefined,
): Promise<Compared> {
  const { original, host, sandbox } = trees
  const result = {
    original: new Map<TreePath, State>(),
    host: new Map<TreePath, State>(),
    sandbox: new Map<TreePath, State>(),
  }
  const breath = breathing(signal)
  for (const path of new Set([...original.keys(), ...host.keys(), ...sandbox.keys()])) {
    await breath()
    const [o, h, s] = [original.get(path), host.get(path), sandbox.get(path)]
    const contents = await contentsAt(path, { o, h, s }, reach, signal)
    if (o !== undefined) result.original.set(path, { kind: o.kind, mode: modeOf(o), content: contents.o })
    if (h !== undefined) result.host.set(path, { kind: h.kind, mode: modeOf(h), content: contents.h })
    // What is no file any more is not taken over, and neither is its having gone.
    const kept = s?.kind === 'other' ? result.original.get(path) : undefined
    if (kept !== undefined) result.sandbox.set(path, kept)
    else if (s !== undefined && s.kind !== 'other') {
      result.sandbox.set(path, { kind: s.kind, mode: modeOf(s), content: contents.s })
    }
  }
  return result
}

function modeOf({ kind, mode }: Pick<Entry, 'kind' | 'mode'>): number {
  return kind === 'link' ? 0 : mode
}

interface At {
  readonly o: Original | undefined
  readonly h: Entry | undefined
  readonly s: Entry | undefined
}

/** Each side's own word where nothing says that two are equal. */
async function contentsAt(
  path: TreePath,
  { o, h, s }: At,
  reach: { readonly host: Reach; readonly sandbox: Reach },
  signal: AbortSignal | undefined,
): Promise<{ o: string; h: string; s: string }> {
  const found = { o: plain(o, 'original'), h: plain(h, 'host'), s: plain(s, 'sandbox') }
  const first = o?.kind === 'file' ? o : undefined
  if (first !== undefined && first.content !== '') found.o = first.content
  const hostIsOriginal = first !== undefined && h?.kind === 'file' && first.host !== '' && h.stamp === first.host
  const copyIsOriginal = first !== undefined && s?.kind === 'file' && first.copy !== '' && s.stamp === first.copy
  if (hostIsOriginal) found.h = found.o
  if (copyIsOriginal) {
    // What the host has meanwhile does not matter: the sandbox wants nothing here, unless it changed the mode.
    found.s = found.o
    return found
  }
  // The host's times may have changed and nothing else.
  const mayBeAsItWas = first !== undefined && first.content !== '' && h?.kind === 'file' && h.size === first.size
  const mayBeOriginal = s?.kind === 'file' && s.size === first?.size && (first.content !== '' || hostIsOriginal)
  const mayBeHost = s?.kind === 'file' && h?.kind === 'file' && s.size === h.size
  if (mayBeOriginal || mayBeHost) found.s = await hashed(reach.sandbox, path, true, signal)
  if (hostIsOriginal && first.content !== '') return found
  if (mayBeHost || mayBeAsItWas) found.h = await hashed(reach.host, path, false, signal)
  if (hostIsOriginal && mayBeHost) found.o = found.h
  return found
}

function plain(entry: Original | Entry | undefined, side: string): string {
  if (entry === undefined) return ''
  if (entry.kind === 'link') return 'content' in entry ? entry.content : (entry.link ?? '')
  return entry.kind === 'directory' ? '' : `of the ${side}`
}

/** The SHA-256 of a file, hex, where the comparing has found it out. */
export function knownHash(state: State | undefined): string | undefined {
  return state?.kind === 'file' && /^[\da-f]{64}$/.test(state.content) ? state.content : undefined
}

/** SHA-256 of a file of a copy of ours, hex. @throws the system's error; `signal.reason` */
export async function hashOfOwn(reach: Reach, path: TreePath, signal: AbortSignal | undefined): Promise<string> {
  return hashed(reach, path, true, signal)
}

/** SHA-256 of a file, hex. One that is gone meanwhile is equal to none. */
async function hashed(reach: Reach, path: TreePath, own: boolean, signal: AbortSignal | undefined): Promise<string> {
  const parent = reach.parent(path)
  const name = nameOf(path)
  const fd = own ? openOwn(parent, name) : openIfThere(parent, name)
  if (fd === undefined) return 'of nobody'
  try {
    return await hashOf(fd, signal)
  } finally {
    closeSync(fd)
  }
}

function openIfThere(parent: ReturnType<Reach['parent']>, name: string): number | undefined {
  try {
    return parent.open(bytesOf(name))
  } catch (error) {
    if (hasCode(error, 'ENOENT', 'ELOOP', 'EACCES')) return undefined
    throw error
  }
}
