import { connections, programs, supervisor } from './rooms/races.ts'
import { withList } from './support/listed.ts'
import { attackRooms } from './support/suite.ts'

attackRooms([
  { name: 'races for connections', attacks: connections },
  { name: 'races for programs', attacks: programs, options: withList },
  { name: 'the supervisor', attacks: supervisor },
])
