import { untrusted } from './untrusted.ts'

/** For scripts, and for what completes a word: each name once, a line each. */
export function renderNames(all: readonly { readonly name: string }[]): string {
  return [...new Set(all.map(({ name }) => name))].map((name) => `${untrusted(name)}\n`).join('')
}
