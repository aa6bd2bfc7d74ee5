import type { Attack, Scene } from '../support/attack.ts'

const host = { on: 'host' } as const
const dirs = ({ writable }: Scene): { dirs: string } => ({ dirs: writable })

/** Running what was brought along. */
export const brought: readonly Attack[] = [
  {
    title: 'a program that was copied to a writable directory does not run',
    name: 'exec-copy',
    args: dirs,
    control: host,
  },
  { title: 'a script in a writable directory does not run', name: 'exec-script', args: dirs, control: host },
  {
    title: 'a file in a writable directory cannot be mapped as code',
    name: 'map-executable',
    args: dirs,
    control: host,
  },
  {
    title: 'the loader does not start a program from a writable directory',
    name: 'exec-loader',
    args: ({ place }) => ({ target: '/usr/bin/true', ws: place.ws }),
    control: host,
  },
  {
    title: 'an allowed program cannot be exchanged',
    name: 'exec-shadow',
    args: ({ place }) => ({ target: place.attacks, ws: place.ws }),
    control: {
      unproven: 'outside, the program file is its owner’s to exchange: ETXTBSY is all that stands in the way',
    },
  },
  {
    title: 'a set-id file cannot be left in the workspace for somebody outside',
    name: 'setuid-plant',
    args: ({ place }) => ({ ws: place.ws, keep: 1 }),
    control: host,
  },
  {
    title: 'a file of the workspace cannot be given to another user',
    name: 'chown-away',
    args: ({ place }) => ({ ws: place.ws }),
    control: { on: 'host', as: 'root' },
  },
  {
    title: 'a file that gives capabilities cannot be left in the workspace',
    name: 'capability-plant',
    args: ({ place }) => ({ ws: place.ws }),
    control: { on: 'host', as: 'root' },
  },
  { title: 'nobody becomes root', name: 'become-root', control: { on: 'namespaces' } },
]

/** Under a list of what may be executed. */
export const listed: readonly Attack[] = [
  {
    title: 'a program that is not listed does not run by any spelling of its path',
    name: 'exec-path',
    args: ({ place }) => ({ target: place.forbidden }),
    control: host,
  },
  {
    title: 'a program that is not listed does not run under another name',
    name: 'exec-link',
    args: ({ place }) => ({ target: place.forbidden, ws: place.ws }),
    control: host,
  },
  {
    title: 'a program that is not listed does not run by descriptor',
    name: 'exec-descriptor',
    args: ({ place }) => ({ target: place.forbidden }),
    control: host,
  },
  { title: 'a program that exists only in memory does not run', name: 'exec-memory', control: host },
  {
    title: 'a listed program runs, so that the others are refused for a reason',
    name: 'exec-path',
    id: 'exec-listed',
    args: ({ place }) => ({ target: place.attacks }),
    control: host,
    documented: 'this is no attack: it shows that the list lets through what it names',
  },
]

/** Under a list that names the loader, as every list must that names a dynamic program. */
export const loadersOf = (loader: string): readonly Attack[] => [
  {
    title: 'a list that names the loader lets it start programs that the list does not name',
    name: 'exec-by-loader',
    args: () => ({ loader, target: '/usr/bin/true' }),
    control: { unproven: 'outside, the program starts without the loader’s help' },
    documented:
      'a list says which files the kernel may execute, not which code a listed program runs: an interpreter, and the loader is one, runs what it can read',
  },
]
