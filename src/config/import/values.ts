import { unexpanded } from '../schema/rules.ts'
import { quoted } from '../schema/words.ts'
import type { KeyPath, Tree } from '../tree.ts'
import type { Notebook, Verdict } from './imported.ts'

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
  /** Whether `$NAME` is a variable like `${NAME}`; for all clients but Gemini it is a text. */
  readonly bareNames?: boolean
}

export interface Expanded {
  readonly text: string
  /** What would have been replaced, and cannot be here. */
  readonly missing?: string
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
): Expanded {
  const braced = variables.bareNames === true ? text.replaceAll(/\$([A-Za-z_]\w*)/g, (_, name) => `\${${name}}`) : text
  const known = braced
    .replaceAll(
      /\$\{(?:workspaceFolder|workspaceRoot|CLAUDE_PROJECT_DIR|__dirname)(?::-[^}]*)?\}/g,
      () => variables.project,
    )
    .replaceAll(/\$\{(?:userHome|(?:env:)?HOME(?::-[^}]*)?)\}/g, () => variables.home)
  const copied = isVariable ? copyOf(known) : undefined
  if (copied !== undefined) {
    book.note(at, path, copied.verdict, `copied from our environment: \${env:${copied.name}}${copied.say}`)
    return { text: `\${env:${copied.name}}` }
  }
  // Also one that is not closed: our own reader takes it for one.
  const missing = /\$\{[^}]+\}?/.exec(known)?.[0]
  if (missing !== undefined) {
    book.note(at, path, 'look', `${missing} is not replaced here: write the value`)
    // A file that has some of these as they stand is refused as a whole, with servers that are switched off in it.
    return { text: unexpanded(known) === undefined ? known : known.replaceAll('${', '$ {'), missing }
  }
  book.note(at, path, known === text ? 'taken' : 'changed', known === text ? '' : `now ${known}`)
  return { text: known }
}

/** A text that is one variable and nothing else, as a variable of ours. */
function copyOf(text: string): { name: string; verdict: Verdict; say: string } | undefined {
  const asked = /^\$\{input:([^}]+)\}$/.exec(text)?.[1]
  if (asked !== undefined) {
    const name = asked.toUpperCase().replaceAll(/[^A-Z0-9_]/g, '_')
    if (!/^[A-Z_]/.test(name)) return undefined
    return { name, verdict: 'changed', say: `; the client asks for it: set ${name} before the start` }
  }
  const [, braced, preset] = /^\$\{(?:env:)?([A-Za-z_][A-Za-z0-9_]*)(?::-([^}]*))?\}$/.exec(text) ?? []
  const name = braced ?? /^\$([A-Z_][A-Z0-9_]*)$/.exec(text)?.[1]
  if (name === undefined) return undefined
  if (preset === undefined) return { name, verdict: 'changed', say: '' }
  const say = `; what it is without ${name}, ${quoted(preset)}, is lost: set ${name}, or write the value`
  return { name, verdict: 'look', say }
}
