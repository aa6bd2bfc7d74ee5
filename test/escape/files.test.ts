import { denied, devices, magic, mounts, names, readOnly } from './rooms/files.ts'
import { attackRooms } from './support/suite.ts'

attackRooms([
  { name: 'names', attacks: names },
  { name: '/proc and descriptors', attacks: magic },
  { name: 'read-only mounts', attacks: readOnly },
  { name: 'the mount tree', attacks: mounts },
  { name: 'devices', attacks: devices },
  { name: 'denied paths', attacks: denied },
])
