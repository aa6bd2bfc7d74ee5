import type { JailOptions } from './jail.ts'
import type { Place } from './place.ts'

/** Only the attacking program, and `more`, may be executed; another lies beside it on a mount that would allow it. */
export function withList(place: Place, more: readonly string[] = []): JailOptions {
  const other = `${place.base}/other`
  return {
    plan: {
      exec: [place.attacks, ...more],
      mounts: [
        { source: '/usr', target: '/usr', access: 'read', exec: true, owner: 'system' },
        { source: place.bin, target: place.bin, access: 'read', exec: true, owner: 'user' },
        { source: other, target: other, access: 'read', exec: true, owner: 'user' },
        { source: place.ws, target: place.ws, access: 'write', exec: false, owner: 'user' },
      ],
    },
  }
}
