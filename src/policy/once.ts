/** What is made when it is first asked for, and then is that: a constant that few starts need, a work that two have to wait for. */
export function once<T>(make: () => T): () => T {
  let made: { readonly value: T } | undefined
  return () => (made ??= { value: make() }).value
}
