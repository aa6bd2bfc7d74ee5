import type { KeyPath, Tree } from '../tree.ts'
import type { Notebook } from './imported.ts'

/** A value that has to be of a kind; what is not is told and left out. */
export function textOf(tree: Tree, path: KeyPath, book: Notebook): string | undefined {
  if (tree.kind === 'leaf' && typeof tree.value === 'string') return tree.value
  book.note(tree.at, path, 'look', 'a text is meant here: left out')
  return undefined
}

export function textsOf(tree: Tree, path: KeyPath, book: Notebook): string[] | undefined {
  if (tree.kind !== 'list') {
    book.note(tree.at, path, 'look', 'a list of texts is meant here: left out')
    return undefined
  }
  return tree.items.flatMap((item, index) => textOf(item, [...path, index], book) ?? [])
}

export function numberOf(tree: Tree, path: KeyPath, book: Notebook): number | undefined {
  if (tree.kind === 'leaf' && typeof tree.value === 'number') return tree.value
  book.note(tree.at, path, 'look', 'a number is meant here: left out')
  return undefined
}

export function isTrue(tree: Tree | undefined): boolean {
  return tree?.kind === 'leaf' && tree.value === true
}

/** What a client would put in the place of a variable. */
export interface Variables {
  /** The directory of the project that the file is for. */
  readonly project: string
  readonly home: string
}

/**
 * A text of a client's file with what can be known now put in: the project's directory and the home. The others are told.
 * A variable of the environment stands alone in `env` and nowhere else: what a command is has to be readable in the file.
 */
export function expand(
  text: string,
  { at, path, isVariable }: { at: number; path: KeyPath; isVariable: boolean },
  variables: Variables,
  book: Notebook,
): string {
  const known = text
    .replaceAll(/\$\{(?:workspaceFolder|workspaceRoot|CLAUDE_PROJECT_DIR|__dirname)\}/g, () => variables.project)
    .replaceAll(/\$\{(?:userHome|HOME|env:HOME)\}/g, () => variables.home)
  const alone =
    /^\$\{(?:env:)?([A-Za-z_][A-Za-z0-9_]*)(?::-[^}]*)?\}$/.exec(known) ?? /^\$([A-Z_][A-Z0-9_]*)$/.exec(known)
  const asked = /^\$\{input:([^}]+)\}$/.exec(known)
  const name = alone?.[1] ?? asked?.[1]?.toUpperCase().replaceAll(/[^A-Z0-9_]/g, '_')
  if (isVariable && name !== undefined && /^[A-Za-z_]/.test(name)) {
    const what = asked === null ? '' : `; the client asks for it: set ${name} before the start`
    book.note(at, path, 'changed', `copied from our environment: \${env:${name}}${what}`)
    return `\${env:${name}}`
  }
  if (/\$\{[^}]+\}/.test(known)) {
    book.note(at, path, 'look', `${/\$\{[^}]+\}/.exec(known)?.[0]} is not replaced here: write the value`)
    return known.replaceAll('${', '$ {')
  }
  book.note(at, path, known === text ? 'taken' : 'changed', known === text ? '' : `now ${known}`)
  return known
}
