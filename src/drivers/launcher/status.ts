import { GloveboxError, type ErrorCode } from '../../errors.ts'
import type { JailFailure, JailStatus } from '../../protocol/jail-status.ts'

const events: ReadonlySet<string> = new Set(['receipt', 'started', 'activity', 'limit', 'exit', 'error'])

/**
 * One status line. The launcher is ours, so only the shape that tells the kinds apart is checked.
 * @throws GloveboxError INTERNAL for a line that is none: the launcher and we are not of one version
 */
export function parseStatus(line: string): JailStatus {
  const status = parse(line)
  if (
    typeof status === 'object' &&
    status !== null &&
    'event' in status &&
    typeof status.event === 'string' &&
    events.has(status.event)
  ) {
    return status as JailStatus
  }
  throw new GloveboxError('INTERNAL', `glovebox-inside reported something unknown: ${line.slice(0, 200)}`, {
    fix: 'install the same version of glovebox and of its native package',
  })
}

function parse(line: string): unknown {
  try {
    return JSON.parse(line)
  } catch {
    return undefined // reported by the caller with the line itself
  }
}

const codes: Readonly<Record<string, ErrorCode>> = {
  plan: 'INTERNAL',
  'host-cannot': 'HOST_CANNOT',
  'not-found': 'NOT_FOUND',
  'not-executable': 'NOT_EXECUTABLE',
  start: 'NOT_STARTED',
  internal: 'INTERNAL',
}

/** The launcher's own account of why nothing was started. */
export function toError(failure: JailFailure): GloveboxError {
  return new GloveboxError(codes[failure.code] ?? 'NOT_STARTED', `${failure.message} (${failure.stage})`, {
    fix: failure.fix ?? undefined,
  })
}
