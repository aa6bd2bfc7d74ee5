/**
 * A text that came out of a sandbox, made safe for a terminal: control characters, escape sequences,
 * direction overrides and invisible characters are shown as `\u{…}`.
 */
export function untrusted(text: string): string {
  return text.replaceAll(
    /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cs}]/gu,
    (character) => `\\u{${character.codePointAt(0)?.toString(16) ?? ''}}`,
  )
}
