import { field, list, record, table } from './collections.ts'
import { hostPath, unexpanded } from './rules.ts'
import { serverNamePattern, variablePattern, wrongServerName, wrongVariable } from './words.ts'
import { sandboxShape, type SandboxConfig } from './sandbox.ts'
import { named, type Shape } from './shape.ts'
import { choice, flag, nullable, number, size, text } from './values.ts'

/** A whole configuration file. */
export interface Config {
  readonly $schema?: string
  readonly mcpServers?: Readonly<Record<string, ServerConfig>>
  readonly defaults?: SandboxConfig
  readonly gateway?: GatewayConfig
  readonly microvm?: MicrovmConfig
}

export interface ServerConfig {
  readonly type?: 'stdio' | 'http' | 'sse'
  readonly command?: string
  readonly args?: readonly string[]
  readonly env?: Readonly<Record<string, string>>
  readonly url?: string
  readonly headers?: Readonly<Record<string, string>>
  readonly enabled?: boolean
  readonly sandbox?: SandboxConfig
}

/** The gateway has no keys yet: an empty table may stand there. */
export type GatewayConfig = object

export interface MicrovmConfig {
  readonly memory?: number
  readonly cpus?: number
  readonly kernel?: string | null
  readonly rootfs?: string | null
  readonly image?: string
  readonly accel?: 'auto' | 'kvm' | 'tcg'
  readonly vmm?: 'firecracker' | 'qemu'
  readonly firecracker?: string
}

const argument = text({ what: 'a text', check: unexpanded })

const variables: Shape<Readonly<Record<string, string>>> = record(
  text({
    check: (value) => (/^\$\{env:[A-Za-z_][A-Za-z0-9_]*\}$/.test(value) ? undefined : unexpanded(value)),
  }),
  { pattern: variablePattern, checkKey: wrongVariable },
)

const serverKeys: ReadonlySet<string> = new Set([
  'type',
  'command',
  'args',
  'env',
  'url',
  'headers',
  'enabled',
  'sandbox',
])

const serverShape = named(
  'server',
  table<ServerConfig>(
    {
      type: field(
        choice(['stdio', 'http', 'sse']),
        'How the server is spoken to: `stdio` with a command, the others with a URL.',
      ),
      command: field(
        text({
          what: 'a program',
          check: (value) => (value.trim() === '' ? ['this command is empty', 'write a program'] : unexpanded(value)),
        }),
        'The program to start. Never given to a shell.',
      ),
      args: field(list(argument), 'Its arguments, each by itself.', []),
      env: field(
        variables,
        'Variables of its environment. `"${env:NAME}"` alone copies a variable of ours; nothing else is replaced.',
        {},
      ),
      url: field(
        text({
          what: 'a URL',
          schema: { format: 'uri' },
          check: (value) =>
            URL.canParse(value) && /^https?:$/.test(new URL(value).protocol)
              ? undefined
              : ['this is not an http or https URL', 'such as "https://example.org/mcp"'],
        }),
        'The address of a server that runs elsewhere.',
      ),
      headers: field(record(text()), 'HTTP headers for such a server.', {}),
      enabled: field(flag(), 'Whether the server can be started.', true),
      sandbox: field(sandboxShape, 'What its sandbox may do.'),
    },
    {
      schema: { anyOf: [{ required: ['command'] }, { required: ['url'] }] },
      hints: {
        disabled: 'write "enabled": false',
        serverUrl: 'write "url"',
        httpUrl: 'write "url"',
        transport: 'write "type"',
        cwd: 'leave it out: a server starts in the directory of its project',
        timeout: 'write "sandbox": { "limits": { "time": "60s" } }',
        autoApprove: 'leave it out: tools are chosen by "sandbox": { "tools": … }',
        alwaysAllow: 'leave it out: tools are chosen by "sandbox": { "tools": … }',
      },
      check(server, tree, reading) {
        const has = (key: string): boolean => tree.entries.some((entry) => entry.key === key)
        if (has('command') && has('url')) {
          reading.problem(tree.at, 'a server has a command or a URL, not both', 'remove one of them')
        }
        // A key that is misspelt has been told already.
        if (!has('command') && !has('url') && tree.entries.every(({ key }) => serverKeys.has(key))) {
          reading.problem(tree.at, 'this server has neither a command nor a URL', 'add "command"')
        }
        const local = server.type === undefined ? undefined : server.type === 'stdio'
        if (local === true && has('url') && !has('command')) {
          reading.problem(
            tree.at,
            'a server of type "stdio" is started by a command',
            'write type "http", or a command',
          )
        }
        if (local === false && has('command') && !has('url')) {
          reading.problem(tree.at, `a server of type "${server.type}" has a URL`, 'leave "type" out, or write a URL')
        }
      },
    },
  ),
)

export const configShape: Shape<Config> = table<Config>({
  $schema: field(text(), 'Where the schema of this file is, for editors.'),
  mcpServers: field(
    record(serverShape, { pattern: serverNamePattern, checkKey: wrongServerName }),
    'The servers, by name.',
    {},
  ),
  defaults: field(sandboxShape, 'What holds for every server of this file that does not say otherwise.'),
  gateway: field(table<GatewayConfig>({}), 'The HTTP face. It has no keys yet.'),
  microvm: field(
    table<MicrovmConfig>({
      memory: field(size(1024 ** 2, '256M'), 'Memory of a sandbox in a machine, where its `limits` say nothing; the guest has some more for itself.', '256M'),
      cpus: field(number({ min: 1, max: 64, whole: true }), 'CPUs of a sandbox in a machine, where its `limits` say nothing.', 1),
      kernel: field(nullable(hostPath()), 'The kernel of a guest: a bzImage, on arm64 an Image (docs/images.md); null: our own.', null),
      rootfs: field(nullable(hostPath()), 'The root file system of a guest: an image of ext4 or erofs, a tar archive, an initramfs, or what docker save wrote; null: our own.', null),
      image: field(text({ what: 'the name or digest of an image' }), 'An image that machines start from instead of ours, by the name or digest that `glovebox image list` has. Goes without `kernel` and `rootfs`.'),
      accel: field(
        choice(['auto', 'kvm', 'tcg'], {
          auto: 'KVM where a guest really boots on it, else emulation',
          kvm: 'KVM or nothing',
          tcg: 'software emulation',
        }),
        'What machines run on (`--accel`). Of your own configuration: a project says nothing about your machine.',
        'auto',
      ),
      vmm: field(
        choice(['firecracker', 'qemu'], {
          firecracker: 'Firecracker, which needs KVM',
          qemu: 'QEMU, with KVM or by software emulation',
        }),
        'The program that runs machines. Without it: Firecracker where KVM boots a guest with it, else QEMU. Of your own configuration.',
      ),
      firecracker: field(
        hostPath(),
        'The program of Firecracker, where it is not in PATH. Of your own configuration: a project says nothing about your machine.',
      ),
    }, {
      check({ image, kernel, rootfs }, tree, reading) {
        if (image === undefined || (kernel ?? rootfs ?? null) === null) return
        reading.problem(tree.at, 'an image has a kernel and a root file system already', 'remove "image", or "kernel" and "rootfs"')
      },
    }),
    'Guests of the microvm driver.',
  ),
})
