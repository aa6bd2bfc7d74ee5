import {
  allowedName,
  answer,
  pieces,
  server4,
  server6,
  tokenOf,
  zone,
  type EgressCase,
  type EgressRoom,
} from '../case.ts'

const database = '10.0.0.5'

const say = (id: string, title: string, host: string, port: number, more: Partial<EgressCase> = {}): EgressCase => ({
  title,
  id,
  attack: 'egress-say',
  args: { host, port, pieces: pieces(tokenOf(id)) },
  control: { to: host.replace(/^::ffff:/, ''), port },
  ...more,
})

const got = { leaves: 'all', control: { unproven: 'it is no attack' } } as const

const connect = (id: string, title: string, to: string, more: Partial<EgressCase> = {}): EgressCase => ({
  title,
  id,
  attack: 'egress-say',
  args: {
    host: '198.18.0.2',
    port: 3128,
    pieces: pieces(`CONNECT ${to} HTTP/1.1\r\nHost: ${to}\r\n\r\n`, answer, tokenOf(id)),
  },
  ...more,
})

/** One address with a port beside a name with others: neither opens what only the other names. */
export const addressRoom: EgressRoom = {
  name: 'one address',
  allow: [`${database}:5432`, `${allowedName}:443,8080`],
  zone: { ...zone, 'inner.test': { a: [database], ttl: 0 } },
  servers: [server4, server6, database],
  ports: [443, 5432, 8080],
  names: [allowedName],
  cases: [
    say('db', 'the allowed address is reached on its port', database, 5432, got),
    say('db-mapped', 'the allowed address is reached in the form of IPv6', `::ffff:${database}`, 5432, got),
    say('db-443', 'the allowed address is not reached on the port of a name', database, 443),
    say('db-8080', 'the allowed address is not reached on another port of a name', database, 8080),
    say('db-22', 'the allowed address is not reached on a port of nobody', database, 22),
    say('db-53', 'the allowed address is not reached on the resolver’s port', database, 53),
    say('db-3128', 'the allowed address is not reached on the proxy’s port', database, 3128, {
      control: { to: database, port: 3128 },
    }),
    say('db-next', 'the address beside it is not reached', '10.0.0.6', 5432),
    say('db-real', 'the server of the name is not reached by number', server4, 443),
    {
      title: 'the name is not reached on the port of the address',
      id: 'name-5432',
      attack: 'egress-say',
      args: { name: allowedName, port: 5432, pieces: pieces(tokenOf('name-5432')) },
    },
    {
      title: 'datagrams do not reach the allowed address',
      id: 'db-udp',
      attack: 'egress-datagram',
      args: { host: database, port: 443, pieces: pieces(tokenOf('db-udp')) },
    },
    {
      title: 'TLS for a name does not reach the allowed address on the port of a name',
      id: 'db-proxy-443',
      attack: 'egress-say',
      args: connect('db-proxy-443', '', `${database}:443`).args,
      control: { to: database, port: 443 },
    },
    connect('db-proxy', 'the proxy reaches the allowed address on its port', `${database}:5432`, got),
    connect('db-decimal', 'the proxy does not reach it in another spelling', '167772165:5432', {
      control: { to: database, port: 5432 },
    }),
    connect('db-octal', 'the proxy does not reach it in octal', '012.0.0.5:5432', {
      control: { to: database, port: 5432 },
    }),
    connect('db-name', 'the proxy does not reach it by a name that nobody allowed', 'inner.test:5432', {
      control: { to: database, port: 5432 },
    }),
  ],
}

const get = (name: string, id: string): string => `GET /${tokenOf(id)} HTTP/1.1\r\nHost: ${name}:8080\r\n\r\n`
const named = (name: string, title: string, to: string, more: Partial<EgressCase> = {}): EgressCase => ({
  title,
  id: name.replace('.test', ''),
  attack: 'egress-say',
  args: {
    name,
    port: 8080,
    pieces: pieces(get(name, name.replace('.test', ''))),
    ...(to.includes(':') ? { family: 6 } : {}),
  },
  control: { to, port: 8080 },
  ...more,
})
const homes = {
  'in.test': '10.1.2.3',
  'in-docker.test': '172.17.0.1',
  'in-loop.test': '127.0.0.1',
  'in-metadata.test': '169.254.169.254',
  'in-ten-zero.test': '100.100.100.200',
}

/** Names may live in 10/8 and in fd00::/8: that opens neither an address by itself, nor metadata services there. */
export const privateRoom: EgressRoom = {
  name: 'names in private ranges',
  allow: [...Object.keys(homes), 'in6.test', 'in6-metadata.test'].map((name) => `${name}:8080`),
  private: ['10.0.0.0/8', 'fd00::/8', '100.64.0.0/10'],
  zone: {
    ...zone,
    ...Object.fromEntries(Object.entries(homes).map(([name, address]) => [name, { a: [address], ttl: 0 }])),
    'in6.test': { aaaa: ['fd00::5'], ttl: 0 },
    'in6-metadata.test': { aaaa: ['fd00:ec2::254'], ttl: 0 },
  },
  servers: ['10.1.2.3', 'fd00::5'],
  ports: [8080],
  names: [...Object.keys(homes), 'in6.test', 'in6-metadata.test'],
  cases: [
    named('in.test', 'a name in the range is reached', '10.1.2.3', got),
    named('in6.test', 'a name in the IPv6 range is reached', 'fd00::5', got),
    named('in-docker.test', 'a name in another private range is not', '172.17.0.1'),
    named('in-loop.test', 'a name at the loopback is not', '127.0.0.1'),
    named('in-metadata.test', 'a name at the metadata service is not', '169.254.169.254'),
    named('in-ten-zero.test', 'a name at a metadata service within an allowed range is not', '100.100.100.200'),
    named('in6-metadata.test', 'a name at a metadata service within an allowed IPv6 range is not', 'fd00:ec2::254'),
    say('range-direct', 'an address of the range is not reached by number', '10.1.2.3', 8080),
    say('range-direct6', 'an address of the IPv6 range is not reached by number', 'fd00::5', 8080),
    connect('range-proxy', 'nor through the proxy', '10.1.2.3:8080', { control: { to: '10.1.2.3', port: 8080 } }),
  ],
}
