import { GloveboxError } from '../errors.ts'

/** Of a start whose ports are to be reached where there is no channel to reach them by. */
export function noWayIn(): GloveboxError {
  return new GloveboxError(
    'HOST_CANNOT',
    'network.publish: there is no way into this sandbox, so no port of it is reached',
    {
      fix: 'set XDG_RUNTIME_DIR to a directory of a short path that this user may write to',
    },
  )
}
