import type { Table, Tree } from '../tree.ts'
import { nearest } from './nearest.ts'
import type { JsonSchema, Reading, Shape } from './shape.ts'
import { quoted } from './words.ts'
import { mistaken } from './values.ts'

/** A key of a table, as people read about it in an editor and in the documentation. */
export interface Field<T> {
  readonly shape: Shape<T>
  readonly description: string
  /** What absence means, where that is a value. */
  readonly default?: unknown
}

/** One field for each key of `T`: a key that is forgotten, or too many, does not compile. */
export type Fields<T> = { readonly [K in keyof T]-?: Field<Exclude<T[K], undefined>> }

export function field<T>(shape: Shape<T>, description: string, byDefault?: unknown): Field<T> {
  return { shape, description, ...(byDefault !== undefined && { default: byDefault }) }
}

/**
 * A table with known keys. All but the `required` ones may be left out; an unknown key is a problem
 * that names the nearest known one. `check` looks at the whole.
 */
export function table<T extends object>(
  fields: Fields<T>,
  options: {
    readonly required?: readonly (keyof T & string)[]
    readonly schema?: JsonSchema
    /** For keys that people bring from elsewhere: what to do instead. */
    readonly hints?: Readonly<Record<string, string>>
    readonly check?: (value: T, tree: Table, reading: Reading) => void
  } = {},
): Shape<T> {
  const byName: Readonly<Record<string, Field<unknown>>> = fields
  const names = Object.keys(byName)
  const required = options.required ?? []
  return {
    schema: tableSchema(byName, required, options.schema),
    definitions: Object.assign({}, ...Object.values(byName).map(({ shape }) => shape.definitions)),
    read(tree, reading) {
      if (tree.kind !== 'table') {
        return mistaken(tree, reading, 'a table', `write a table; ${keysInWords(names)}`)
      }
      const hints = options.hints ?? {}
      const value: Record<string, unknown> = {}
      for (const { key, keyAt, value: item } of tree.entries) {
        if (!Object.hasOwn(byName, key)) {
          const near = nearest(key, names)
          const hint = Object.hasOwn(hints, key) ? hints[key] : undefined
          const fix = hint ?? (near === undefined ? keysInWords(names) : `did you mean "${near}"?`)
          reading.problem(keyAt, `there is no key ${quoted(key)} here`, fix)
          continue
        }
        const read = byName[key]?.shape.read(item, reading.at(key))
        if (read !== undefined) value[key] = read
      }
      for (const key of required) {
        if (tree.entries.some((entry) => entry.key === key)) continue
        reading.problem(tree.at, `the key "${key}" is missing`, `add "${key}"`)
      }
      options.check?.(value as T, tree, reading)
      return value as T
    },
  }
}

function keysInWords(names: readonly string[]): string {
  return names.length === 0 ? 'nothing can be written here yet' : `the keys are ${names.join(', ')}`
}

function tableSchema(
  fields: Readonly<Record<string, Field<unknown>>>,
  required: readonly string[],
  more: JsonSchema | undefined,
): JsonSchema {
  const properties = Object.fromEntries(
    Object.entries(fields).map(([name, { shape, description, default: byDefault }]) => {
      const about = { description, ...(byDefault !== undefined && { default: byDefault }) }
      // Draft 7 ignores what stands beside $ref, so the reference goes one level down.
      return [name, '$ref' in shape.schema ? { ...about, allOf: [shape.schema] } : { ...shape.schema, ...about }]
    }),
  )
  return {
    type: 'object',
    properties,
    ...(required.length > 0 && { required }),
    additionalProperties: false,
    ...more,
  }
}

/** A list of values of one shape. */
export function list<T>(item: Shape<T>): Shape<readonly T[]> {
  return {
    schema: { type: 'array', items: item.schema },
    definitions: item.definitions,
    read(tree, reading) {
      if (tree.kind !== 'list') return mistaken(tree, reading, 'a list', 'write a list, such as ["one", "two"]')
      return tree.items.flatMap((element, index) => {
        const value = item.read(element, reading.at(index))
        return value === undefined ? [] : [value]
      })
    },
  }
}

/** A table whose keys the user chooses. `checkKey` says why a key will not do, and what would. */
export function record<T>(
  item: Shape<T>,
  options: {
    readonly pattern?: string
    readonly checkKey?: (key: string) => readonly [why: string, fix: string] | undefined
  } = {},
): Shape<Readonly<Record<string, T>>> {
  const names = options.pattern === undefined ? {} : { propertyNames: { pattern: options.pattern } }
  return {
    schema: { type: 'object', additionalProperties: item.schema, ...names },
    definitions: item.definitions,
    read(tree: Tree, reading: Reading) {
      if (tree.kind !== 'table') return mistaken(tree, reading, 'a table', 'write a table: a name of your choice for each entry')
      const value: Record<string, T> = Object.create(null)
      for (const { key, keyAt, value: element } of tree.entries) {
        const wrong = options.checkKey?.(key)
        if (wrong !== undefined) reading.at(key).problem(keyAt, wrong[0], wrong[1])
        const read = item.read(element, reading.at(key))
        if (read !== undefined) value[key] = read
      }
      return value
    },
  }
}
