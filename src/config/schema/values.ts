import { GloveboxError } from '../../errors.ts'
import { parseDuration, parseSize } from '../../policy/sizes.ts'
import { nearest } from './nearest.ts'
import { quoted } from './words.ts'
import { kindOf, leafShape, type JsonSchema, type Reading, type Shape } from './shape.ts'

/** A text; `what` is the article and noun of messages. `check` says why a text will not do, and what would. */
export function text(
  options: {
    readonly what?: string
    readonly schema?: JsonSchema
    readonly check?: (value: string) => readonly [why: string, fix: string] | undefined
  } = {},
): Shape<string> {
  const what = options.what ?? 'a text'
  return leafShape({ type: 'string', ...options.schema }, (tree, reading) => {
    if (tree.kind !== 'leaf' || typeof tree.value !== 'string') {
      // Not with its value: a variable may be a secret.
      const inQuotes = tree.kind === 'leaf' && tree.value !== null ? 'put it in quotes' : undefined
      return mistaken(tree, reading, what, inQuotes)
    }
    if (tree.value.includes('\0')) {
      return reading.problem(tree.at, 'there is a NUL character in this text', 'remove it')
    }
    const wrong = options.check?.(tree.value)
    return wrong === undefined ? tree.value : reading.problem(tree.at, wrong[0], wrong[1])
  })
}

/** One word of a few. `meant` knows words that people bring from elsewhere. */
export function choice<const T extends string>(
  values: readonly T[],
  descriptions?: Readonly<Record<T, string>>,
  meant: Readonly<Record<string, T>> = {},
): Shape<T> {
  const schema: JsonSchema = {
    enum: values,
    ...(descriptions && { markdownEnumDescriptions: values.map((value) => descriptions[value]) }),
  }
  const all = values.join(', ')
  return leafShape(schema, (tree, reading) => {
    if (tree.kind !== 'leaf' || typeof tree.value !== 'string') return mistaken(tree, reading, `one of ${all}`)
    const given = tree.value
    const value = values.find((candidate) => candidate === given)
    if (value !== undefined) return value
    const near = Object.hasOwn(meant, given) ? meant[given] : nearest(given, values)
    const fix = near === undefined ? `one of ${all}` : `did you mean "${near}"? All: ${all}`
    return reading.problem(tree.at, `${quoted(given)} is not one of the values`, fix)
  })
}

/** true or false. */
export function flag(): Shape<boolean> {
  return leafShape({ type: 'boolean' }, (tree, reading) =>
    tree.kind === 'leaf' && typeof tree.value === 'boolean' ? tree.value : mistaken(tree, reading, 'true or false'),
  )
}

/** A number between two bounds, both allowed. */
export function number(options: { min: number; max: number; whole?: boolean }): Shape<number> {
  const { min, max, whole = false } = options
  const what = `a ${whole ? 'whole ' : ''}number from ${min} to ${max}`
  return leafShape({ type: whole ? 'integer' : 'number', minimum: min, maximum: max }, (tree, reading) => {
    if (tree.kind !== 'leaf' || typeof tree.value !== 'number') {
      const isQuoted = tree.kind === 'leaf' && typeof tree.value === 'string' && /^\d+(\.\d+)?$/.test(tree.value)
      return mistaken(tree, reading, what, isQuoted ? `write it without quotes: ${tree.value}` : undefined)
    }
    const { value } = tree
    if (value >= min && value <= max && (!whole || Number.isSafeInteger(value))) return value
    return reading.problem(tree.at, `${value} is not ${what}`, `write ${what}`)
  })
}

/** Bytes, from `512M` or a bare number that counts in `bareUnit` bytes. */
export function size(bareUnit: number = 1024 ** 2, example: string = '512M'): Shape<number> {
  const schema = {
    anyOf: [
      { type: 'string', pattern: String.raw`^\s*\d+(\.\d+)?\s*[bkmgtBKMGT]?([iI]?[bB])?\s*$` },
      { type: 'number', exclusiveMinimum: 0 },
    ],
  }
  return measured(schema, `a size such as "${example}"`, (given) => parseSize(given, '', bareUnit))
}

/** Milliseconds, from `30s` or a bare number of seconds. */
export function duration(example: string = '30s'): Shape<number> {
  const schema = {
    anyOf: [
      { type: 'string', pattern: String.raw`^\s*\d+(\.\d+)?\s*([mM]?[sS]|[mM]|[hH])?\s*$` },
      { type: 'number', exclusiveMinimum: 0 },
    ],
  }
  return measured(schema, `a duration such as "${example}"`, (given) => parseDuration(given, ''))
}

function measured(schema: JsonSchema, what: string, parse: (given: string) => number): Shape<number> {
  return leafShape(schema, (tree, reading) => {
    if (tree.kind !== 'leaf' || (typeof tree.value !== 'string' && typeof tree.value !== 'number')) {
      return mistaken(tree, reading, what)
    }
    try {
      return parse(String(tree.value))
    } catch (error) {
      if (!(error instanceof GloveboxError)) throw error
      return reading.problem(tree.at, `${quoted(String(tree.value))} is not ${what}`, error.fix ?? `write ${what}`)
    }
  })
}

/** Also null, which means what leaving the key out means. */
export function nullable<T>(shape: Shape<T>): Shape<T | null> {
  return {
    schema: { anyOf: [shape.schema, { type: 'null' }] },
    definitions: shape.definitions,
    read: (tree, reading) => (tree.kind === 'leaf' && tree.value === null ? null : shape.read(tree, reading)),
  }
}

/** Tells that something else belongs here. */
export function mistaken(
  tree: Parameters<typeof kindOf>[0],
  reading: Reading,
  what: string,
  fix: string = `write ${what}`,
): undefined {
  return reading.problem(tree.at, `${kindOf(tree)} stands where ${what} belongs`, fix)
}
