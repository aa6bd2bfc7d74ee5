import { existsSync } from 'node:fs'
import { homedir } from 'node:os'
import { dirname } from 'node:path'
import { isWithin } from '../../policy/paths.ts'
import { withAbsolutePaths, type Layer } from '../layers/layer.ts'
import { problemAt, problemsError, problemsIn, SyntaxProblem } from '../problem.ts'
import { readShape } from '../schema/shape.ts'
import type { SandboxConfig } from '../schema/sandbox.ts'
import { positionAt, readSource, type Source } from '../source.ts'
import { parseAs } from '../spelling.ts'
import { placeOf, type KeyPath, type Tree } from '../tree.ts'
import { manifestShape, type Manifest } from './shape.ts'

/**
 * A manifest (`run --manifest FILE`) as a layer. What it does not say takes the defaults of Glovebox.
 * @throws GloveboxError POLICY_INVALID with file, line and column
 */
export async function manifestLayer(path: string): Promise<Layer> {
  const source = readSource(path)
  const { tree, manifest } = await readManifest(source)
  const place = (key: string): string => {
    const { line, column } = positionAt(source.text, placeOf(tree, [key]))
    return `${source.path}:${line}:${column}`
  }
  return {
    sandbox: withAbsolutePaths(sandboxOf(manifest), dirname(path)),
    env: manifest.env_vars ?? {},
    originOf: (key) => ({ kind: 'manifest', where: place(keyInManifest(key, manifest)) }),
  }
}

/** @throws GloveboxError POLICY_INVALID with file, line and column */
export async function readManifest(source: Source): Promise<{ tree: Tree; manifest: Manifest }> {
  const tree = await parseAs('json', source.text).catch((error: unknown) => {
    if (!(error instanceof SyntaxProblem)) throw error
    throw problemsError([problemAt(source, error.offset, { path: [], why: error.why, fix: error.fix })])
  })
  const { value, problems } = readShape(manifestShape, tree)
  if (problems.length > 0) throw problemsError(problemsIn(source, problems))
  return { tree, manifest: value ?? {} }
}

function sandboxOf(manifest: Manifest): SandboxConfig {
  const { max_memory_mb: memory, max_cpu_quota_pct: cpu, max_ipc_payload_mb: message, mode } = manifest
  const isAudit = mode === 'audit'
  const mounts = (manifest.readonly_mounts ?? []).filter((path) => !isSystem(path))
  return {
    filesystem: { read: [...mounts, ...(isAudit ? auditedFiles() : [])] },
    network: networkOf(manifest),
    ...(manifest.allowed_runtimes !== undefined && !isAudit && { exec: manifest.allowed_runtimes }),
    limits: {
      ...(memory !== undefined && { memory: memory * 1024 ** 2 }),
      ...(cpu !== undefined && { cpus: cpu / 100 }),
      ...(message !== undefined && { message: message * 1024 ** 2 }),
    },
    ...(manifest.allowed_tools && { tools: { allow: manifest.allowed_tools } }),
    ...(mode !== undefined && { mode: isAudit ? 'audit' : 'enforce' }),
  }
}

/** Each address with each of the ports; without ports it is 443, as for every rule. Ports without an address open nothing. */
export function networkOf(manifest: Manifest): { allow: readonly string[]; resolvers: readonly string[] } {
  const { allowed_egress_ips: v4 = [], allowed_egress_ipv6: v6 = [], allowed_egress_ports: ports = [] } = manifest
  const suffix = ports.length === 0 ? '' : `:${ports.join(',')}`
  return {
    allow: [...v4.map((address) => `${address}${suffix}`), ...v6.map((address) => `[${address}]${suffix}`)],
    resolvers: manifest.allowed_dns_resolvers ?? [],
  }
}

/** Every sandbox shows these already, where the host has them; manifests list them for hosts of every kind. */
function isSystem(path: string): boolean {
  return ['/usr', '/bin', '/sbin', '/lib', '/lib32', '/lib64', '/libx32'].some((system) => isWithin(path, system))
}

/** What `mode: audit` lets be read, so that it is seen: where people keep their files. Never what may be written, never the network. */
function auditedFiles(): string[] {
  return [homedir(), '/opt', '/srv', '/mnt', '/media'].filter((path) => existsSync(path))
}

/** Which key of a manifest sets a key of a sandbox. */
function keyInManifest(path: KeyPath, { allowed_egress_ips: v4 = [] }: Manifest): string {
  if (path[0] === 'network' && path[1] === 'allow')
    return Number(path[2]) < v4.length ? 'allowed_egress_ips' : 'allowed_egress_ipv6'
  const keys: Readonly<Record<string, string>> = {
    env: 'env_vars',
    exec: 'allowed_runtimes',
    filesystem: 'readonly_mounts',
    network: 'allowed_dns_resolvers',
    tools: 'allowed_tools',
    mode: 'mode',
    memory: 'max_memory_mb',
    cpus: 'max_cpu_quota_pct',
    message: 'max_ipc_payload_mb',
  }
  const [first, second] = path.map(String)
  return keys[(first === 'limits' ? second : first) ?? ''] ?? 'mode'
}
