/**
 * Control characters, formats (bidirectional overrides, zero width, tags U+E0000–E007F), line separators, lone
 * surrogates, and what fonts do not draw (variation selectors, Hangul fillers): a name with one of them shows a person
 * something else than what a program compares.
 */
const hidden = /[\p{Cc}\p{Cf}\p{Cs}\p{Zl}\p{Zp}\p{Default_Ignorable_Code_Point}]/u

export function hasHidden(name: string): boolean {
  return hidden.test(name)
}

/**
 * A title is a text for people: the selectors of emoji style pass after an emoji, and the joiners that Persian, Hindi
 * and emoji are written with pass between two visible characters that are not ASCII.
 */
export function hasHiddenInTitle(title: string): boolean {
  if (!hidden.test(title)) return false
  const styled = title.replaceAll(/(?<=\p{Emoji})[\ufe0e\ufe0f]/gu, '')
  return hidden.test(styled.replaceAll(/(?<=[^\p{ASCII}\p{Cc}\p{Cf}])[\u200c\u200d](?=[^\p{ASCII}\p{Cc}\p{Cf}])/gu, ''))
}

/** A name as it can be shown: what is hidden is spelled out, and a long one is cut. */
export function visible(name: string, maxLength: number): string {
  const cut = name.length > maxLength ? `${name.slice(0, maxLength)}…` : name
  if (!hidden.test(cut)) return cut
  return Array.from(cut, (character) =>
    hidden.test(character) ? `\\u{${(character.codePointAt(0) ?? 0).toString(16)}}` : character,
  ).join('')
}
