import type { EgressCase } from '../case.ts'

const unproven = { unproven: 'what it aims at is there in a sandbox only' }

/** Sockets that are the relay's, the host's, or somebody else's. `link`: the host's own, by its path there. */
export const socketCases: readonly EgressCase[] = [
  {
    title: 'the allowed ports cannot be taken over',
    id: 'bind-tcp',
    attack: 'egress-bind',
    args: { hosts: '0.0.0.0,::,198.18.0.1,198.18.0.2,127.0.0.1,198.18.200.1', port: 443 },
    control: unproven,
  },
  {
    title: 'the proxy’s port cannot be taken over',
    id: 'bind-proxy',
    attack: 'egress-bind',
    args: { hosts: '0.0.0.0,::,198.18.0.2,127.0.0.1,::ffff:198.18.0.2', port: 3128 },
    control: unproven,
  },
  {
    title: 'the resolver’s port cannot be taken over',
    id: 'bind-resolver',
    attack: 'egress-bind',
    args: { hosts: '0.0.0.0,::,198.18.0.1', port: 53, kind: 'udp' },
    control: unproven,
  },
  {
    title: 'no descriptor can be taken out of another process, the relay among them',
    id: 'descriptors',
    attack: 'egress-descriptors',
    args: { pids: 4096, fds: 32 },
    control: unproven,
  },
  {
    title: 'the host does not take a program’s connection for the relay’s',
    id: 'link-words',
    attack: 'egress-link-words',
    args: { ports: '53,80,443,3128,8080' },
    control: unproven,
  },
]
