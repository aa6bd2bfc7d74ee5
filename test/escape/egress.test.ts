import { egressRooms } from './egress/rooms.ts'
import { attackEgress } from './egress/suite.ts'

attackEgress('jail', egressRooms)
