import type { KeyPath, Tree } from '../tree.ts'

/** The part of JSON Schema (draft 7, which editors know best) that shapes are told in. */
export interface JsonSchema {
  readonly [keyword: string]: unknown
}

/**
 * One description of a value, from which come its TypeScript type, its check with places and suggestions,
 * and its JSON Schema for editors.
 */
export interface Shape<T> {
  readonly schema: JsonSchema
  /** Schemas that `schema` refers to by `#/definitions/NAME`. */
  readonly definitions: Readonly<Record<string, JsonSchema>>
  /** The value, or undefined once its problem has been told. */
  readonly read: (tree: Tree, reading: Reading) => T | undefined
}

/** Where a reading is, and whom it tells what is wrong. */
export interface Reading {
  readonly path: KeyPath
  readonly at: (key: string | number) => Reading
  readonly problem: (offset: number, why: string, fix: string) => undefined
}

export interface Found {
  readonly path: KeyPath
  readonly offset: number
  readonly why: string
  readonly fix: string
}

/** Reads a tree by a shape: the value and all that is wrong with it. What is wrong has no part in the value. */
export function readShape<T>(shape: Shape<T>, tree: Tree): { value: T | undefined; problems: Found[] } {
  const problems: Found[] = []
  const readingAt = (path: KeyPath): Reading => ({
    path,
    at: (key) => readingAt([...path, key]),
    problem: (offset, why, fix) => void problems.push({ path, offset, why, fix }),
  })
  return { value: shape.read(tree, readingAt([])), problems: problems }
}

/** A shape without parts. */
export function leafShape<T>(schema: JsonSchema, read: Shape<T>['read']): Shape<T> {
  return { schema, definitions: {}, read }
}

/** A shape that editors see by name, so that it stands in the schema once. */
export function named<T>(name: string, shape: Shape<T>): Shape<T> {
  return {
    schema: { $ref: `#/definitions/${name}` },
    definitions: { ...shape.definitions, [name]: shape.schema },
    read: shape.read,
  }
}

/** What stands in a place, in words. */
export function kindOf(tree: Tree): string {
  if (tree.kind === 'list') return 'a list'
  if (tree.kind === 'table') return 'a table of keys'
  if (tree.value === null) return 'null'
  return { string: 'a text', number: 'a number', boolean: 'true or false' }[typeof tree.value as 'string']
}
