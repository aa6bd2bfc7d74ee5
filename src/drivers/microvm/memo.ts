import { readFileSync, statSync } from 'node:fs'
import { join } from 'node:path'
import type { Places } from '../../system/places.ts'
import { writeWhole } from '../../system/write-whole.ts'

/**
 * What was found out about this host at some cost, each with what it was found out about: a program's file as it was, a
 * kernel, the host's present boot. It can be lost without harm.
 */
export interface Memo {
  /** What was found under exactly these conditions, or what `find` finds now. */
  of<T>(name: string, conditions: readonly unknown[], find: () => Promise<T> | T): Promise<T>
  /** Undefined where nothing is known under these conditions. */
  known(name: string, conditions: readonly unknown[]): unknown
  remember(name: string, conditions: readonly unknown[], value: unknown): void
}

type Entries = Record<string, { readonly conditions: string; readonly value: unknown }>

export function openMemo({ cache }: Pick<Places, 'cache'>): Memo {
  const path = join(cache, 'microvm-host.json')
  let entries = read(path)
  const known = (name: string, conditions: readonly unknown[]): unknown => {
    const entry = entries[name]
    return entry?.conditions === JSON.stringify(conditions) ? entry.value : undefined
  }
  const remember = (name: string, conditions: readonly unknown[], value: unknown): void => {
    // Another process may have found out something else meanwhile.
    entries = { ...read(path), [name]: { conditions: JSON.stringify(conditions), value } }
    writeWhole(path, `${JSON.stringify(entries)}\n`)
  }
  return {
    known,
    remember,
    async of<T>(name: string, conditions: readonly unknown[], find: () => Promise<T> | T) {
      const entry = entries[name]
      // Also that nothing was found (JSON has no word for it) is known.
      if (entry?.conditions === JSON.stringify(conditions)) return entry.value as T
      const value = await find()
      remember(name, conditions, value)
      return value
    },
  }
}

/** What shows that a file is still the one that was looked at: nobody but the kernel sets a change time. */
export function fileStamp(path: string): readonly unknown[] {
  const { size, ctimeNs, ino } = statSync(path, { bigint: true })
  return [path, String(size), String(ctimeNs), String(ino)]
}

function read(path: string): Entries {
  try {
    return JSON.parse(readFileSync(path, 'utf8')) as Entries
  } catch (error) {
    const isLost =
      error instanceof SyntaxError || (error instanceof Error && 'code' in error && error.code === 'ENOENT')
    if (isLost) return {}
    throw error
  }
}
