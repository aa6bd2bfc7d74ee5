import { allowedName, server4, server6, zone, type EgressRoom } from './case.ts'
import { addressCases } from './cases/addresses.ts'
import { datagramRoom } from './cases/datagrams.ts'
import { helloCases } from './cases/hellos.ts'
import { questionCases, rebindingRoom } from './cases/names.ts'
import { placeholderRoom } from './cases/placeholders.ts'
import { proxyCases } from './cases/proxies.ts'
import { addressRoom, privateRoom } from './cases/ranges.ts'
import { requestCases } from './cases/requests.ts'
import { socketCases } from './cases/sockets.ts'

/** One name, three of its ports. */
const oneName = {
  allow: [`${allowedName}:80,443,8080`],
  zone,
  servers: [server4, server6],
  ports: [80, 443, 8080],
  names: [allowedName],
} as const

/** Every attack on a network list: each driver has to hold against all of them. */
export const egressRooms: readonly EgressRoom[] = [
  { ...oneName, name: 'addresses', cases: addressCases },
  {
    ...oneName,
    name: 'questions',
    allow: [...oneName.allow, '*.wild.test:443'],
    cases: questionCases,
  },
  { ...oneName, name: 'beginnings', cases: helloCases },
  { ...oneName, name: 'requests', cases: requestCases },
  { ...oneName, name: 'the proxy', cases: proxyCases },
  { ...oneName, name: 'sockets', cases: socketCases },
  rebindingRoom,
  addressRoom,
  privateRoom,
  placeholderRoom,
  datagramRoom,
]
