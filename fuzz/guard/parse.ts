/**
 * A second JSON parser, as plain as can be, to judge the guard by: it keeps every member in order, equal keys too, so
 * that what another parser could read differently shows. Throws on what is no JSON text of one line.
 */
export type Parsed =
  | { readonly type: 'object'; readonly members: readonly (readonly [string, Parsed])[] }
  | { readonly type: 'array'; readonly elements: readonly Parsed[] }
  | { readonly type: 'string'; readonly text: string }
  | { readonly type: 'number'; readonly spelled: string }
  | { readonly type: 'word'; readonly word: 'true' | 'false' | 'null' }

export function parse(text: string): Parsed {
  let at = 0

  function token(pattern: RegExp): string | undefined {
    pattern.lastIndex = at
    const found = pattern.exec(text)?.[0]
    if (found !== undefined) at += found.length
    return found
  }
  const blank = (): string | undefined => token(/[ \t]*/y)
  const eat = (symbol: string): boolean => {
    blank()
    if (!text.startsWith(symbol, at)) return false
    at += symbol.length
    blank()
    return true
  }
  const need = (symbol: string): void => {
    if (!eat(symbol)) throw new SyntaxError(`no ${symbol} at ${at}`)
  }

  function string(): string | undefined {
    const spelled = token(/"(?:[^"\\\u0000-\u001f]|\\(?:["\\/bfnrt]|u[0-9a-fA-F]{4}))*"/y)
    return spelled === undefined ? undefined : (JSON.parse(spelled) as string)
  }

  function value(): Parsed {
    if (eat('{')) {
      const members: [string, Parsed][] = []
      while (!eat('}')) {
        if (members.length > 0) need(',')
        const key = string()
        if (key === undefined) throw new SyntaxError(`no key at ${at}`)
        need(':')
        members.push([key, value()])
      }
      return { type: 'object', members }
    }
    if (eat('[')) {
      const elements: Parsed[] = []
      while (!eat(']')) {
        if (elements.length > 0) need(',')
        elements.push(value())
      }
      return { type: 'array', elements }
    }
    const text = string()
    if (text !== undefined) return { type: 'string', text }
    const spelled = token(/-?(?:0|[1-9]\d*)(?:\.\d+)?(?:[eE][+-]?\d+)?/y)
    if (spelled !== undefined) return { type: 'number', spelled }
    const word = token(/true|false|null/y)
    if (word !== undefined) return { type: 'word', word: word as 'true' | 'false' | 'null' }
    throw new SyntaxError(`no value at ${at}`)
  }

  blank()
  const parsed = value()
  blank()
  if (at !== text.length) throw new SyntaxError(`more at ${at}`)
  return parsed
}

/** The values of a key, one for each time that it is there. */
export function valuesOf(object: Parsed | undefined, key: string): Parsed[] {
  return object?.type === 'object' ? object.members.filter(([name]) => name === key).map(([, value]) => value) : []
}

/** The value of a key that is there exactly once. */
export function only(object: Parsed | undefined, key: string): Parsed | undefined {
  const values = valuesOf(object, key)
  return values.length === 1 ? values[0] : undefined
}
