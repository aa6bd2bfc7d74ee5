import { names } from './rooms/files.ts'
import { connections, programs, supervisor } from './rooms/races.ts'
import { withList } from './support/listed.ts'
import { attackRooms } from './support/suite.ts'

attackRooms([
  { name: 'races for connections', attacks: connections },
  { name: 'races for programs', attacks: programs, options: withList },
  { name: 'the supervisor', attacks: supervisor },
  { name: 'the supervisor, which records opens too', attacks: supervisor, options: { plan: { mode: 'audit' } } },
  { name: 'names, recorded', attacks: names, options: { plan: { mode: 'audit' } } },
])
