import pc from 'picocolors'

const env = process.env
// undefined where stdout is no terminal, which createColors would take for a missing argument.
const wanted = Boolean(process.stdout.isTTY) && (env['NO_COLOR'] ?? '') === '' && env['TERM'] !== 'dumb'

/** Colours for stdout when it is a terminal, and only then: picocolors by itself also colours the logs of CI. */
export const paint: ReturnType<typeof pc.createColors> = pc.createColors(wanted)
