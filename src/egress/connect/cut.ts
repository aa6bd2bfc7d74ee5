/** Why we cut a connection, as the record has it. */
export type Cut = 'limit' | 'idle'

const codes = { limit: 'EDQUOT', idle: 'ETIME' } as const

/** What a stream is destroyed with. */
export function cut(why: Cut): Error {
  return Object.assign(new Error(`the connection was cut: ${why}`), { code: codes[why] })
}

/** `reset`: by somebody else. */
export function reasonOf(error: unknown): Cut | 'reset' {
  const code = error instanceof Error && 'code' in error ? error.code : undefined
  return code === codes.limit ? 'limit' : code === codes.idle ? 'idle' : 'reset'
}
