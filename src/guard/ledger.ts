import type { Id } from './ids.ts'

/** A request that was forwarded and not yet answered. */
export interface Pending {
  readonly id: Id
  readonly method: string
  readonly progressToken: Id | undefined
  /** On the guard's clock; absent: it may take as long as it likes. */
  readonly deadline: number | undefined
}

/** The requests of one direction. */
export interface Ledger {
  open(request: Pending): 'opened' | 'duplicate' | 'full'
  /** Takes the request that a response is for. `keepToken`: progress goes on after the answer (tasks). */
  settle(id: Id, keepToken?: boolean): Pending | undefined
  get(id: Id): Pending | undefined
  /** The request is no longer waited for; a response that comes all the same is late, not unknown. */
  abandon(id: Id): Pending | undefined
  /** Whether the id is of a request that was abandoned; each is told once. */
  wasAbandoned(id: Id): boolean
  hasToken(token: Id): boolean
  pending(): IterableIterator<Pending>
  readonly size: number
}

export function createLedger(capacity: number): Ledger {
  const requests = new Map<Id, Pending>()
  const abandoned = createRecent(capacity)
  const lasting = createRecent(capacity)
  // Tokens must be unique among active requests, but a client that breaks this breaks only its own progress.
  const tokens = new Map<Id, number>()

  function countToken(token: Id | undefined, by: number): void {
    if (token === undefined) return
    const count = (tokens.get(token) ?? 0) + by
    if (count === 0) tokens.delete(token)
    else tokens.set(token, count)
  }

  function take(id: Id): Pending | undefined {
    const request = requests.get(id)
    if (request === undefined) return undefined
    requests.delete(id)
    countToken(request.progressToken, -1)
    return request
  }

  return {
    open(request) {
      if (requests.has(request.id)) return 'duplicate'
      if (requests.size >= capacity) return 'full'
      abandoned.delete(request.id)
      requests.set(request.id, request)
      countToken(request.progressToken, 1)
      return 'opened'
    },
    settle(id, keepToken = false) {
      const request = take(id)
      if (keepToken && request?.progressToken !== undefined) lasting.add(request.progressToken)
      return request
    },
    get: (id) => requests.get(id),
    abandon(id) {
      const request = take(id)
      if (request !== undefined) abandoned.add(id)
      return request
    },
    wasAbandoned: (id) => abandoned.delete(id),
    hasToken: (token) => tokens.has(token) || lasting.has(token),
    pending: () => requests.values(),
    get size() {
      return requests.size
    },
  }
}

interface Recent {
  add(id: Id): void
  has(id: Id): boolean
  delete(id: Id): boolean
}

/** The last `capacity` ids that were added: a peer that never tidies up must not grow our memory. */
function createRecent(capacity: number): Recent {
  const ids = new Set<Id>()
  return {
    add(id) {
      ids.add(id)
      const oldest = ids.values().next()
      if (ids.size > capacity && oldest.done !== true) ids.delete(oldest.value)
    },
    has: (id) => ids.has(id),
    delete: (id) => ids.delete(id),
  }
}
