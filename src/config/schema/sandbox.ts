import type { SecretWords } from '../../policy/secret-words.ts'
import { controls, type Control } from '../../protocol/controls.ts'
import { mostPooled } from '../../protocol/daemon.ts'
import { field, list, record, table } from './collections.ts'
import { limitsShape, type LimitsConfig } from './limits.ts'
import { networkShape, type NetworkConfig } from './network.ts'
import { hostPath, program, toolPattern } from './rules.ts'
import { secretShape } from './secret.ts'
import { variablePattern, wrongVariable } from './words.ts'
import { named, type Shape } from './shape.ts'
import { choice, number, text } from './values.ts'

/** What a server's sandbox may do, as a file says it: every key may be absent, and absence is told from a value. */
export interface SandboxConfig {
  readonly driver?: DriverWord
  readonly profile?: string
  readonly workspace?: WorkspaceConfig
  readonly filesystem?: FilesystemConfig
  readonly network?: NetworkConfig
  readonly exec?: readonly string[]
  readonly secrets?: Readonly<Record<string, SecretWords>>
  readonly limits?: LimitsConfig
  readonly lifetime?: 'shared' | 'session' | 'call'
  readonly group?: string
  readonly template?: 'boot' | 'server'
  readonly pool?: number
  readonly tools?: ToolsConfig
  readonly mode?: 'enforce' | 'audit'
  readonly allowDegraded?: readonly Control[]
}

export type DriverWord = 'jail' | 'container' | 'microvm' | 'kubernetes'

export interface WorkspaceConfig {
  readonly path: string
  readonly mode?: 'copy' | 'read' | 'write'
  readonly sync?: 'ask' | 'yes' | 'no'
  readonly exclude?: readonly string[]
}

export interface FilesystemConfig {
  readonly read?: readonly string[]
  readonly write?: readonly string[]
  readonly deny?: readonly string[]
}

export interface ToolsConfig {
  readonly allow?: readonly string[]
  readonly deny?: readonly string[]
  readonly each?: Readonly<Record<string, ToolConfig>>
}

export interface ToolConfig {
  readonly driver?: DriverWord
  readonly lifetime?: 'shared' | 'session' | 'call'
  readonly limits?: LimitsConfig
}

const driverShape = choice(['jail', 'container', 'microvm', 'kubernetes'], {
  jail: 'Linux namespaces, Landlock, seccomp and cgroups on this machine',
  container: 'a container of Docker or Podman',
  microvm: 'a virtual machine of its own',
  kubernetes: 'a pod in a cluster',
}, {
  docker: 'container',
  podman: 'container',
  vm: 'microvm',
  qemu: 'microvm',
  firecracker: 'microvm',
  k8s: 'kubernetes',
  native: 'jail',
  sandbox: 'jail',
})

const lifetimeShape = choice(['shared', 'session', 'call'], {
  shared: 'one sandbox for all who use the server',
  session: 'one sandbox for each client session',
  call: 'a fresh sandbox for each tools/call',
})

const workspaceShape = table<WorkspaceConfig>(
  {
    path: field(hostPath(), 'The directory of the host.'),
    mode: field(
      choice(['copy', 'read', 'write'], {
        copy: 'a copy, synced back with a backup',
        read: 'the directory itself, read-only',
        write: 'the directory itself, which may be changed',
      }),
      'What the sandbox may do with it.',
      'copy',
    ),
    sync: field(
      choice(['ask', 'yes', 'no'], {
        ask: 'show the changes and ask, on a terminal',
        yes: 'take over all changes',
        no: 'take over none; the copy stays',
      }),
      'What becomes of the changes to a copy. Without it: ask on a terminal; elsewhere take over all but those that a tool of the host would run.',
    ),
    exclude: field(
      list(text()),
      'What is not copied: names, or with a slash paths from the top of the workspace.',
      [],
    ),
  },
  { required: ['path'] },
)

const filesystemShape = table<FilesystemConfig>({
  read: field(list(hostPath()), 'Files and directories that are shown read-only, at their own paths.', []),
  write: field(list(hostPath()), 'Files and directories that may be changed. Nothing in them can be executed.', []),
  deny: field(list(hostPath()), 'Paths hidden inside what is shown.', []),
})

const toolsShape = table<ToolsConfig>({
  allow: field(list(toolPattern()), 'The only tools that exist for the client; `*` stands for any run of characters.', [
    '*',
  ]),
  deny: field(list(toolPattern()), 'Tools that do not exist for the client. Wins over `allow`.', []),
  each: field(
    record(
      table<ToolConfig>({
        driver: field(driverShape, 'The kind of wall that this tool runs behind.'),
        lifetime: field(lifetimeShape, 'How long the sandbox of this tool lives: `call`.'),
        limits: field(limitsShape, 'Limits of its sandbox, over those of the server.'),
      }),
    ),
    'Tools that run in a sandbox of their own.',
    {},
  ),
})

/** Keys that belong one level further in, and those of others. */
const elsewhere: Readonly<Record<string, string>> = {
  ...Object.fromEntries(
    ['memory', 'cpus', 'pids', 'disk', 'openFiles', 'time', 'idle', 'output', 'message'].map((key) => [
      key,
      `it belongs into "limits": { "${key}": … }`,
    ]),
  ),
  ...Object.fromEntries(
    ['read', 'write', 'deny'].map((key) => [key, `it belongs into "filesystem": { "${key}": [] }`]),
  ),
  env: 'it belongs beside "command", not into "sandbox"',
  isolation: 'write "driver"',
}

export const sandboxShape: Shape<SandboxConfig> = named(
  'sandbox',
  table<SandboxConfig>({
    driver: field(driverShape, 'The kind of wall. Without it: jail on Linux, microvm on macOS.'),
    profile: field(
      text({
        what: 'the name of a profile',
        schema: { pattern: '^[A-Za-z0-9][A-Za-z0-9._-]*$' },
        check: (value) =>
          /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/.test(value)
            ? undefined
            : ['this cannot be the name of a profile', 'letters, digits, ".", "_" and "-"; the file is NAME.profile'],
      }),
      'A profile to start from. Without it: `profiles/SERVER.profile` when there is one, else chosen from the command.',
    ),
    workspace: field(
      workspaceShape,
      'A directory that the server works in, shown at `/workspace` and at its own path.',
    ),
    filesystem: field(
      filesystemShape,
      'What of the files of the host can be seen. Nothing but the system, by default.',
    ),
    network: field(networkShape, 'Whom the server may talk to. Nobody, by default.'),
    exec: field(
      list(program()),
      'The only programs that may be executed, besides the command. Without it: any on a read-only mount.',
    ),
    secrets: field(
      record(secretShape, { pattern: variablePattern, checkKey: wrongVariable }),
      'Credentials that are put in on the way out; the sandbox sees a placeholder.',
      {},
    ),
    limits: field(limitsShape, 'Limits for the whole sandbox.'),
    lifetime: field(lifetimeShape, 'How long a sandbox lives.', 'shared'),
    group: field(text(), 'Servers of one group share one sandbox. Their policies must be equal.'),
    template: field(
      choice(['boot', 'server'], { boot: 'a guest that has booted', server: 'a guest in which the server is up (docs/microvm.md, "A server in a template")' }),
      'What a microVM is cloned from. Means nothing behind other walls.',
      'boot',
    ),
    pool: field(
      number({ min: 0, max: mostPooled, whole: true }),
      'Sandboxes started ahead of need. Means nothing under `run`.',
      0,
    ),
    tools: field(toolsShape, 'Which of the tools of the server exist for the client.'),
    mode: field(
      choice(['enforce', 'audit'], {
        enforce: 'deny what is not allowed',
        audit: 'also record each file that is opened',
      }),
      'What is recorded beside what is always recorded.',
      'enforce',
    ),
    allowDegraded: field(
      list(choice(controls)),
      'Controls that may be missing on this host. Told in the receipt and in the record of every start.',
      [],
    ),
  }, { hints: elsewhere }),
)
