import { families, inet, unix } from './rooms/network.ts'
import { attackRooms } from './support/suite.ts'

attackRooms([
  { name: 'IPv4 and IPv6', attacks: inet },
  { name: 'Unix sockets', attacks: unix },
  { name: 'other families', attacks: families },
])
