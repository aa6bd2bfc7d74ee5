import { realpathSync } from 'node:fs'
import { brought, listed, loadersOf } from './rooms/programs.ts'
import { withList } from './support/listed.ts'
import { attackRooms } from './support/suite.ts'

const loader = realpathSync('/lib64/ld-linux-x86-64.so.2')

attackRooms([
  { name: 'programs that were brought along', attacks: brought },
  { name: 'a list of programs', attacks: listed, options: withList },
  {
    name: 'a list with a loader',
    attacks: loadersOf(loader),
    options: (place) => withList(place, [loader]),
  },
])
