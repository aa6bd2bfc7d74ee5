import { outward } from './rooms/processes.ts'
import { attackRooms } from './support/suite.ts'

attackRooms([{ name: 'processes outside', attacks: outward }])
