/** One call of a service: its path in HTTP/2, and how its messages are written and read. */
export interface Call<Input, Output> {
  readonly path: string
  readonly encode: (message: Input) => Uint8Array
  /** @throws Error for bytes that are no such message */
  readonly decode: (bytes: Uint8Array) => Output
  readonly streamsIn: boolean
  readonly streamsOut: boolean
}

/** No honest message has more of anything; a small one could otherwise become millions of objects. */
export const maxItems = 65_536

export function addTo<T>(list: T[], item: T): void {
  if (list.length >= maxItems) throw new Error(`more than ${maxItems} items in one list`)
  list.push(item)
}

/** @throws Error for what a number cannot hold exactly: 2^53 milliseconds, bytes or events are nobody's */
export function asNumber(value: bigint | string): number {
  const number = Number(value)
  if (!Number.isSafeInteger(number)) throw new Error('a number above 2^53')
  return number
}
