import { Command } from 'commander'
import type { DescribedVerb } from './ui/completion.ts'

/** A verb: `register` adds it to the program; the module is loaded only for its own verb. */
export interface Verb {
  readonly summary: string
  /** Another word for a verb that is in the list too. */
  readonly alias?: true
  /** What its words may be. */
  readonly words?: DescribedVerb['words']
  readonly load: () => Promise<{ readonly register: (program: Command) => void }>
}

export const verbs: Readonly<Record<string, Verb>> = {
  run: {
    summary: 'run an MCP server on stdio, behind the wall',
    words: ['configured'],
    load: async () => import('./commands/run.ts'),
  },
  exec: {
    summary: 'run any program behind the wall, with raw stdio',
    words: ['running'],
    load: async () => import('./commands/exec.ts'),
  },
  shell: {
    summary: 'a shell in a running sandbox',
    words: ['running'],
    load: async () => import('./commands/shell.ts'),
  },
  cp: {
    summary: 'copy files into a running sandbox, or out of it',
    load: async () => import('./commands/cp.ts'),
  },
  status: { summary: 'the sandboxes that run now', load: async () => import('./commands/status.ts') },
  ps: { summary: 'the same as status', alias: true, load: async () => import('./commands/status.ts') },
  stats: {
    summary: 'what running sandboxes use',
    words: ['running'],
    load: async () => import('./commands/stats.ts'),
  },
  up: { summary: 'start all servers of a directory', load: async () => import('./commands/up.ts') },
  launch: {
    summary: 'start a server that goes on without you',
    words: ['configured'],
    load: async () => import('./commands/launch.ts'),
  },
  'launch-many': { summary: 'many sandboxes at once, measured', load: async () => import('./commands/launch-many.ts') },
  stop: { summary: 'end launched servers', words: ['running'], load: async () => import('./commands/stop.ts') },
  call: {
    summary: 'call a tool of a server',
    words: ['configured', 'running', 'tools'],
    load: async () => import('./commands/call.ts'),
  },
  tools: {
    summary: 'the tools of a server',
    words: ['configured', 'running'],
    load: async () => import('./commands/tools.ts'),
  },
  logs: { summary: 'what a launched server logs', words: ['running'], load: async () => import('./commands/logs.ts') },
  test: {
    summary: 'start a server once, and tell how long each stage takes',
    words: ['configured'],
    load: async () => import('./commands/test.ts'),
  },
  daemon: { summary: 'the process that owns launched servers', load: async () => import('./commands/daemon.ts') },
  workspace: {
    summary: 'copies of workspaces, and what was there before their changes were taken over',
    load: async () => import('./commands/workspace.ts'),
  },
  add: { summary: 'add a server to the configuration', load: async () => import('./commands/add.ts') },
  list: { summary: 'the configured servers', load: async () => import('./commands/list.ts') },
  show: {
    summary: 'one configured server with its whole policy',
    words: ['configured'],
    load: async () => import('./commands/show.ts'),
  },
  remove: {
    summary: 'take a server out of the configuration',
    words: ['configured'],
    load: async () => import('./commands/remove.ts'),
  },
  enable: {
    summary: 'let a server be started again',
    words: ['configured'],
    load: async () => import('./commands/enable.ts'),
  },
  disable: {
    summary: 'keep a server from being started',
    words: ['configured'],
    load: async () => import('./commands/disable.ts'),
  },
  policy: {
    summary: 'show, check, compare, explain and learn policies',
    load: async () => import('./commands/policy.ts'),
  },
  trust: {
    summary: 'look at a project’s configuration and say yes to it',
    load: async () => import('./commands/trust.ts'),
  },
  audit: {
    summary: 'read and verify the record of what happened',
    load: async () => import('./commands/audit.ts'),
  },
  import: { summary: 'take over the servers of a client’s file', load: async () => import('./commands/import.ts') },
  catalog: { summary: 'short names for common servers', load: async () => import('./commands/catalog.ts') },
  package: {
    summary: 'what npx and uvx servers are pinned to and started from',
    load: async () => import('./commands/package.ts'),
  },
  image: { summary: 'what virtual machines start from', load: async () => import('./commands/image.ts') },
  ssh: {
    summary: 'a running sandbox for ssh, scp, sftp and editors',
    words: ['running'],
    load: async () => import('./commands/ssh.ts'),
  },
  template: {
    summary: 'started virtual machines that sandboxes are cloned from',
    load: async () => import('./commands/template.ts'),
  },
  doctor: {
    summary: 'find out what this machine can enforce, by doing it',
    load: async () => import('./commands/doctor.ts'),
  },
  completion: {
    summary: 'print the completion script of a shell',
    words: [{ choices: ['bash', 'zsh', 'fish'] }],
    load: async () => import('./commands/completion.ts'),
  },
}

/** Every verb, described by registering it: what completes is what is parsed. */
export async function describeVerbs(): Promise<DescribedVerb[]> {
  const program = new Command('glovebox').enablePositionalOptions()
  for (const verb of Object.values(verbs)) if (verb.alias !== true) (await verb.load()).register(program)
  const { driverNames, hasDriver } = await import('./drivers/registry.ts')
  return program.commands.map((command) => ({
    ...describe(command, { '--driver': driverNames.filter(hasDriver) }),
    words: verbs[command.name()]?.words ?? [],
  }))
}

function describe(command: Command, known: Readonly<Record<string, readonly string[]>>): DescribedVerb {
  return {
    name: command.name(),
    summary: command.summary() === '' ? command.description() : command.summary(),
    options: command.options
      .filter((option) => option.long !== undefined && option.long !== null && !option.hidden)
      .map((option) => ({
        long: option.long ?? '',
        description: option.description,
        takesValue: option.required || option.optional,
        values: option.argChoices ?? known[option.long ?? ''] ?? [],
      })),
    words: [],
    verbs: command.commands.map((below) => describe(below, known)),
  }
}
