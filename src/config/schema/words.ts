import { untrusted } from '../../ui/untrusted.ts'

/** What is wrong with a text, and what would do. */
export type Wrong = readonly [why: string, fix: string] | undefined

/** A text out of a file, fit for a message: in quotes, cut, nothing in it speaks to the terminal. */
export function quoted(text: string): string {
  const cut = text.length > 80 ? `${text.slice(0, 80)}…` : text
  return `"${untrusted(cut)}"`
}

export const variablePattern = '^[A-Za-z_][A-Za-z0-9_]*$'

export function wrongVariable(name: string): Wrong {
  if (new RegExp(variablePattern).test(name)) return undefined
  return [`${quoted(name)} is not the name of a variable`, 'letters, digits and _, not starting with a digit']
}

export const serverNamePattern = '^[A-Za-z0-9_][A-Za-z0-9._-]{0,63}$'

/** Names become parts of URLs, of file names and of the names of tools. */
export function wrongServerName(name: string): Wrong {
  if (new RegExp(serverNamePattern).test(name)) return undefined
  return [
    `${quoted(name)} cannot be the name of a server`,
    'at most 64 letters, digits, ".", "_" and "-", starting with a letter, a digit or "_"',
  ]
}
