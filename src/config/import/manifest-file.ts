import { networkOf } from '../manifest/manifest.ts'
import type { Manifest } from '../manifest/shape.ts'
import { entryOf, type Tree } from '../tree.ts'
import { notebook, type Imported, type ImportedSandbox } from './imported.ts'
import { numberOf, textsOf } from './values.ts'

const keys = 'max_memory_mb max_cpu_quota_pct max_ipc_payload_mb readonly_mounts allowed_runtimes allowed_tools'.split(
  ' ',
)

/** A manifest (`run --manifest FILE`): its keys are like nobody else's. */
export function isManifest(tree: Tree): boolean {
  return [...keys, 'env_vars', 'allowed_egress_ips', 'allowed_egress_ipv6'].some(
    (key) => entryOf(tree, key) !== undefined,
  )
}

/** What a manifest says, as defaults of every server; `run --manifest` and `add --manifest` take it for one. */
export function readManifestFile(tree: Tree): Imported {
  const book = notebook()
  const limits: Record<string, string | number> = {}
  const egress: { -readonly [K in keyof Manifest]: Manifest[K] } = {}
  const sandbox: { -readonly [K in keyof ImportedSandbox]: ImportedSandbox[K] } = {}
  for (const { key, keyAt, value } of tree.kind === 'table' ? tree.entries : []) {
    const path = [key]
    const changed = (to: string): void => book.note(keyAt, path, 'changed', `defaults.${to}`)
    switch (key) {
      case 'max_memory_mb':
        limits['memory'] = `${numberOf(value, path, book) ?? 512}M`
        changed('limits.memory')
        break
      case 'max_cpu_quota_pct':
        limits['cpus'] = (numberOf(value, path, book) ?? 100) / 100
        changed('limits.cpus')
        break
      case 'max_ipc_payload_mb':
        limits['message'] = `${numberOf(value, path, book) ?? 8}M`
        changed('limits.message')
        break
      case 'readonly_mounts':
        sandbox.filesystem = { read: textsOf(value, path, book) ?? [] }
        changed('filesystem.read')
        break
      case 'allowed_runtimes':
        sandbox.exec = textsOf(value, path, book) ?? []
        changed('exec')
        break
      case 'allowed_tools':
        if (value.kind === 'list') sandbox.tools = { allow: textsOf(value, path, book) ?? [] }
        changed('tools.allow')
        break
      case 'mode':
        if (value.kind === 'leaf' && value.value === 'audit') sandbox.mode = 'audit'
        changed('mode')
        break
      case 'env_vars':
        book.note(keyAt, path, 'look', 'variables belong to a server: write them into its "env"')
        break
      case 'allowed_egress_ips':
      case 'allowed_egress_ipv6':
      case 'allowed_egress_ports':
        if (key !== 'allowed_egress_ports') egress[key] = textsOf(value, path, book) ?? []
        else egress[key] = value.kind === 'list' ? value.items.flatMap((item) => numberOf(item, path, book) ?? []) : []
        changed('network.allow')
        break
      case 'allowed_dns_resolvers':
        egress[key] = textsOf(value, path, book) ?? []
        changed('network.resolvers')
        break
      default:
        book.note(keyAt, path, 'look', 'use run --manifest, which knows what it means')
    }
  }
  const { allow, resolvers } = networkOf(egress)
  const network = { ...(allow.length > 0 && { allow }), ...(resolvers.length > 0 && { resolvers }) }
  if (Object.keys(network).length > 0) sandbox.network = network
  const defaults = { ...sandbox, ...(Object.keys(limits).length > 0 && { limits }) }
  return { format: 'a manifest', servers: {}, defaults, microvm: undefined, notes: book.notes }
}
