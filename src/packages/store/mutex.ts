import * as mutex from '../../system/mutex.ts'
import type { Held } from '../../system/mutex.ts'
import type { Store } from './store.ts'

/** @returns undefined when somebody else holds it */
export function tryHold(store: Store, name: string): Held | undefined {
  return mutex.tryHold(store.mutexes, name)
}

/** Waits for the mutex and holds it during the work; `onWait` is called once when somebody else has it. */
export async function holding<T>(
  store: Store,
  name: string,
  options: { signal?: AbortSignal | undefined; onWait?: () => void },
  work: () => Promise<T>,
): Promise<T> {
  return mutex.holding(store.mutexes, name, options, work)
}
