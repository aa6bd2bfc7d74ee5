import { brought, listed } from './rooms/programs.ts'
import { withList } from './support/listed.ts'
import { attackRooms } from './support/suite.ts'

attackRooms([
  { name: 'programs that were brought along', attacks: brought },
  { name: 'a list of programs', attacks: listed, options: withList },
])
