import { isIP } from 'node:net'
import { readRule } from '../../policy/network/rule.ts'
import { field, list, record, table } from '../schema/collections.ts'
import { hostPath, program, resolver, toolPattern } from '../schema/rules.ts'
import type { Shape } from '../schema/shape.ts'
import { quoted, wrongVariable } from '../schema/words.ts'
import { choice, nullable, number, text } from '../schema/values.ts'

/** A manifest as people have it on disk; every key may be absent. */
export interface Manifest {
  readonly max_memory_mb?: number
  readonly max_cpu_quota_pct?: number
  readonly max_ipc_payload_mb?: number
  readonly allowed_egress_ips?: readonly string[]
  readonly allowed_egress_ipv6?: readonly string[]
  readonly allowed_egress_ports?: readonly number[]
  readonly allowed_dns_resolvers?: readonly string[]
  readonly readonly_mounts?: readonly string[]
  readonly env_vars?: Readonly<Record<string, string>>
  readonly allowed_tools?: readonly string[] | null
  readonly allowed_runtimes?: readonly string[]
  readonly mode?: 'enforcing' | 'audit'
}

export const manifestShape: Shape<Manifest> = table<Manifest>({
  max_memory_mb: field(number({ min: 1, max: 1024 ** 2, whole: true }), 'Memory, in MiB (1024 × 1024 bytes).'),
  max_cpu_quota_pct: field(number({ min: 1, max: 102_400, whole: true }), 'CPU time, in hundredths of one CPU.'),
  max_ipc_payload_mb: field(number({ min: 1, max: 1024, whole: true }), 'The largest message, in MiB.'),
  allowed_egress_ips: field(list(address(4)), 'IPv4 addresses that may be connected to.'),
  allowed_egress_ipv6: field(list(address(6)), 'IPv6 addresses that may be connected to.'),
  allowed_egress_ports: field(
    list(number({ min: 1, max: 65_535, whole: true })),
    'Ports of these addresses; without it 443.',
  ),
  allowed_dns_resolvers: field(list(resolver()), 'Name servers, for names that flags or a configuration allow.'),
  readonly_mounts: field(list(hostPath()), 'Files and directories that are shown read-only.'),
  env_vars: field(record(text(), { checkKey: wrongVariable }), 'Variables.'),
  allowed_tools: field(nullable(list(toolPattern())), 'The only tools that exist; null: all.'),
  allowed_runtimes: field(list(program()), 'The only programs that may be executed.'),
  mode: field(choice(['enforcing', 'audit']), 'Whether what is not allowed is refused, or only recorded.'),
})

/** By itself, without a port: those stand in a list of their own. */
function address(version: 4 | 6): Shape<string> {
  return text({
    what: `an IPv${version} address`,
    check(value) {
      if (isIP(value) !== version || value.includes('%')) {
        const example = version === 4 ? 'such as "192.0.2.1"' : 'such as "2001:db8::1"'
        return [`${quoted(value)} is not an IPv${version} address`, example]
      }
      const { mistake } = readRule(version === 4 ? value : `[${value}]`, 'allow')
      return mistake && [`${quoted(value)} ${mistake.why}`, mistake.fix]
    },
  })
}
