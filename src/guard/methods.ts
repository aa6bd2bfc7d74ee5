/** The methods that the guard decides something about, and the members of their params that it decides by. */
export const decided: Readonly<Record<string, readonly string[]>> = {
  initialize: ['_meta', 'protocolVersion'],
  'server/discover': ['_meta'],
  'tools/list': ['_meta'],
  'tools/call': ['_meta', 'name', 'arguments'],
  'subscriptions/listen': ['_meta'],
  'notifications/cancelled': ['_meta', 'requestId'],
  'notifications/progress': ['_meta', 'progressToken'],
}

export const decidedMethods: readonly string[] = Object.keys(decided)
