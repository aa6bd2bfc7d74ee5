import { realpathSync } from 'node:fs'
import { brought, listed, loaders } from './rooms/programs.ts'
import { withList } from './support/listed.ts'
import { attackRooms } from './support/suite.ts'

attackRooms([
  { name: 'programs that were brought along', attacks: brought },
  { name: 'a list of programs', attacks: listed, options: withList },
  {
    name: 'a list with a loader',
    attacks: loaders,
    options: (place) => withList(place, [realpathSync('/lib64/ld-linux-x86-64.so.2')]),
  },
])
