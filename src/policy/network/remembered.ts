import type { Protocol } from '../network.ts'

/** Of so many questions the answer is kept; names have few addresses, and programs ask for the same ones again. */
const most = 1024

type MayConnect = (address: string, port: number, by?: Protocol) => string | undefined

/**
 * The same answers, each found once: they follow from a policy alone, which does not change, and are asked for by every connection.
 * @param mayConnect always says the same of the same
 */
export function remembered(mayConnect: MayConnect): MayConnect {
  const known = new Map<string, { readonly answer: string | undefined }>()
  return (address, port, by = 'tcp') => {
    const question = `${address} ${port} ${by}`
    const kept = known.get(question)
    if (kept !== undefined) return kept.answer
    const answer = mayConnect(address, port, by)
    if (known.size >= most) known.clear()
    known.set(question, { answer })
    return answer
  }
}
