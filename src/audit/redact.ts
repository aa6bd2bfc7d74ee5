/** What stands in place of something secret. */
export const redacted = '[redacted]'

/** An argument longer than this, or one past this many, is cut: a line of the record stays short. */
const argumentChars = 1024
const argumentCount = 128

const secretName =
  /(?:passw(?:or)?d|passphrase|pwd|secret|token|api[-_]?key|access[-_]?key|private[-_]?key|credential|auth(?!or)|bearer|cookie|session[-_]?id|signature)/i

/**
 * A command line as it may be written down: values of options and variables with a telling name,
 * and whatever looks like a known kind of secret, are replaced. What looks like nothing cannot be known:
 * a secret belongs in `--secret` or `--env`, never among the arguments.
 */
export function redactCommand(command: readonly string[]): string[] {
  const words = command.slice(0, argumentCount).map((word, index) => redactArgument(word, command[index - 1]))
  const left = command.length - words.length
  return left > 0 ? [...words, `[${left} more]`] : words
}

function redactArgument(word: string, before: string | undefined): string {
  if (before !== undefined && isSecretFlag(before) && !word.startsWith('--')) return redacted
  const named = /^(-{0,2}[A-Za-z][\w.-]*)=(.*)$/s.exec(word)
  if (named?.[1] !== undefined && secretName.test(named[1])) return `${named[1]}=${redacted}`
  const text = redactText(word.slice(0, 4 * argumentChars))
  return text.length > argumentChars ? `${text.slice(0, argumentChars)}[cut]` : text
}

function isSecretFlag(word: string): boolean {
  return /^--?[A-Za-z][\w-]*$/.test(word) && secretName.test(word)
}

/** Whether a variable is called what secrets are called, or its value looks like a known kind of one. */
export function looksSecret(name: string, value: string): boolean {
  return value !== '' && (secretName.test(name) || redactText(value) !== value)
}

/** Any of these somewhere in a text means that the slower replacements are worth their time. */
const hint = /:\/\/|[=:]|\b(?:gh[opsur]_|github_pat_|glpat-|sk-|xox|AKIA|ASIA|AIza|npm_|hf_|eyJ|Bearer|Basic)/

const replacements: readonly (readonly [RegExp, string])[] = [
  // A private key in PEM, to its end or to the end of the text.
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----[\s\S]*?(?:-----END [A-Z ]*PRIVATE KEY-----|$)/g, redacted],
  // user:password@ or token@ in a URL (RFC 3986, section 3.2.1)
  [/\b([a-z][a-z0-9+.-]{1,30}:\/\/)[^\s/?#@]{1,2048}@/gi, `$1${redacted}@`],
  // Authorization schemes (RFC 9110, section 11.4)
  [/\b(Bearer|Basic|Digest)\s+[A-Za-z0-9._~+/=-]{8,}/g, `$1 ${redacted}`],
  // name=value and "name": "value" with a telling name
  [
    /((?:passw(?:or)?d|passphrase|secret|token|api[-_]?key|access[-_]?key|private[-_]?key|credential|authorization|cookie|signature)[\w-]{0,20}["']?\s{0,2}[=:]\s{0,2}["']?)(?!\[redacted\]|Bearer |Basic |Digest )[^\s"'&,;}]{3,}/gi,
    `$1${redacted}`,
  ],
  // Tokens that say what they are by their first letters.
  [/\b(?:gh[opsur]_|github_pat_|glpat-|npm_|hf_)[A-Za-z0-9_-]{16,}/g, redacted],
  [/\bsk-[A-Za-z0-9_-]{16,}/g, redacted],
  [/\bxox[abeoprs]-[A-Za-z0-9-]{8,}/g, redacted],
  [/\b(?:AKIA|ASIA)[A-Z0-9]{16}\b/g, redacted],
  [/\bAIza[A-Za-z0-9_-]{30,}/g, redacted],
  // A JSON Web Token (RFC 7519): three base64url parts, the first a JSON object
  [/\beyJ[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]{8,}\.[A-Za-z0-9_-]*/g, redacted],
]

/**
 * A text with the secrets of known shapes replaced. The patterns have no run of unbounded length before a fixed word:
 * a hostile line of 4 KiB costs no more than a friendly one.
 */
export function redactText(text: string): string {
  if (!hint.test(text) && !text.includes('-----BEGIN')) return text
  return replacements.reduce((rest, [pattern, by]) => rest.replace(pattern, by), text)
}
