import pc from 'picocolors'

// Where stdout is no terminal it has no `isTTY` at all, whatever its type says.
const stdout: { readonly isTTY?: boolean } = process.stdout
const env = process.env

/** Colours for stdout when it is a terminal, and only then: picocolors by itself also colours the logs of CI. */
export const paint: ReturnType<typeof pc.createColors> = pc.createColors(
  stdout.isTTY === true && (env['NO_COLOR'] ?? '') === '' && env['TERM'] !== 'dumb',
)
