import type { Place } from './support/place.ts'
import { entry, privileged, spaces } from './rooms/kernel.ts'
import { attackRooms } from './support/suite.ts'

attackRooms([
  { name: 'namespaces', attacks: spaces },
  {
    name: 'privileged calls',
    attacks: privileged,
    // The session keyring of whoever starts us comes along, unless it is left.
    options: (place) => ({ through: keyed(place) }),
    outside: keyed,
  },
  { name: 'doors into the kernel', attacks: entry },
])

/** Starts what follows in a session with a key in it. */
function keyed({ attacks, name, token }: Place): string[] {
  return [attacks, 'keyed', `glovebox-${name}`, token]
}
