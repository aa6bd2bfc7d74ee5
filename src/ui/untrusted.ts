/**
 * A text that came out of a sandbox, made safe for a terminal: control characters, escape sequences,
 * direction overrides and invisible characters are shown as `\u{…}`.
 */
export function untrusted(text: string): string {
  return text.replaceAll(/[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cs}]/gu, escaped)
}

/**
 * The same for a stream of a server's log: lines, tabs and colours stay. Any other sequence could retitle the window,
 * answer for the user (a terminal types back what some sequences ask for) or hide what is above it.
 */
export function untrustedLog(text: string): string {
  return text.replaceAll(/\u{1b}\[[0-9;]*m|[\p{Cc}\p{Cf}\p{Zl}\p{Zp}\p{Co}\p{Cs}]/gu, (match) =>
    match.length > 1 || match === '\n' || match === '\t' || match === '\r' ? match : escaped(match),
  )
}

function escaped(character: string): string {
  return `\\u{${character.codePointAt(0)?.toString(16) ?? ''}}`
}
