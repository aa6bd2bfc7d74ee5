import { isAbsolute, relative, resolve } from 'node:path'
import { GloveboxError } from '../../errors.ts'
import { parseWorkspace, policyFromFlags, type PolicyFlags } from '../policy-flags.ts'
import { secretsFromFlags } from '../secret-flags.ts'
import type { Plain } from '../tree.ts'
import type { ServerEntry } from './servers.ts'

/**
 * A server as `add` writes it: the command, and for each policy flag its key with the text as it was typed.
 * `base` is what relative paths of the file belong to; undefined where that is the working directory of each start.
 * @throws GloveboxError POLICY_INVALID naming the flag
 */
export function entryOf(
  command: readonly string[],
  flags: PolicyFlags & { readonly profile?: string; readonly disabled?: boolean },
  options: { cwd: string; base: string | undefined },
): ServerEntry {
  requireWritable(flags)
  const [program = '', ...args] = command
  const env = envOf(flags.env ?? [])
  const sandbox = sandboxOf(flags, options)
  return {
    command: program,
    ...(args.length > 0 && { args }),
    ...(Object.keys(env).length > 0 && { env }),
    ...(flags.disabled === true && { enabled: false }),
    ...(Object.keys(sandbox).length > 0 && { sandbox }),
  }
}

/**
 * Whether flags mean in the entry of a server what they mean in a start: by the same reading; variables that are copied need not be
 * there yet.
 * @throws GloveboxError USAGE for what an entry has no word for, POLICY_INVALID naming the flag
 */
export function requireWritable(flags: PolicyFlags): void {
  if ((flags.envFile ?? []).length > 0) {
    throw new GloveboxError('USAGE', '--env-file: values would be written into the configuration', {
      fix: 'name the variables with --env NAME: they are copied at each start',
    })
  }
  // What runs machines is said for all servers of a file: an entry has no word for it, and must not run behind another wall instead.
  const ofMachines = (['vmm', 'accel', 'image'] as const).find((name) => flags[name] !== undefined)
  if (ofMachines !== undefined) {
    throw new GloveboxError('USAGE', `--${ofMachines}: the entry of a server has no word for it`, {
      fix: `--driver microvm, and in the file, for all of its servers, "microvm": { "${ofMachines}": ${JSON.stringify(flags[ofMachines])} }`,
    })
  }
  if (flags.sync !== undefined && flags.workspace === undefined) {
    throw new GloveboxError('USAGE', '--sync: the entry would have no workspace that it is about', {
      fix: `--workspace DIR --sync ${flags.sync}`,
    })
  }
  const copied = (flags.env ?? []).filter((item) => !item.includes('='))
  policyFromFlags(flags, Object.fromEntries(copied.map((name) => [name, ''])))
}

function envOf(items: readonly string[]): Record<string, string> {
  return Object.fromEntries(
    items.map((item) => {
      const at = item.indexOf('=')
      return at < 0 ? [item, `\${env:${item}}`] : [item.slice(0, at), item.slice(at + 1)]
    }),
  )
}

function sandboxOf(
  flags: PolicyFlags & { readonly profile?: string },
  options: { cwd: string; base: string | undefined },
): Record<string, Plain> {
  const path = (given: string): string => spellPath(given, options)
  const volumes = (flags.volume ?? []).map((volume) => ({
    path: volume.replace(/:(ro|rw)$/, ''),
    readOnly: volume.endsWith(':ro'),
  }))
  const volumePaths = (readOnly: boolean): string[] =>
    volumes.filter((volume) => volume.readOnly === readOnly).map((volume) => volume.path)
  const { exec, tools: allowed } = flags
  const denied = flags.denyTools ?? []
  const tools = {
    // Of what is left, none is a word too.
    ...(allowed !== undefined && { allow: allowed }),
    ...(denied.length > 0 && { deny: denied }),
  }
  const written = withoutEmpty({
    driver: flags.driver ?? flags.isolation,
    profile: flags.profile,
    workspace: workspaceOf(flags, path),
    filesystem: withoutEmpty({
      read: [...(flags.read ?? []), ...volumePaths(true)].map(path),
      write: [...(flags.write ?? []), ...volumePaths(false)].map(path),
      deny: (flags.deny ?? []).map(path),
    }),
    network: withoutEmpty({
      allow: flags.allowNet ?? [],
      deny: flags.denyNet ?? [],
      private: flags.allowPrivate ?? [],
      resolvers: flags.resolver ?? [],
      publish: flags.publish ?? [],
      ask: flags.ask,
    }),
    secrets: secretsOf(flags.secret ?? [], path),
    limits: withoutEmpty({
      memory: flags.memory,
      cpus: number(flags.cpus ?? flags.vcpus),
      pids: number(flags.pids),
      disk: flags.disk,
      openFiles: number(flags.openFiles),
      time: flags.time,
    }),
    tools,
    mode: flags.mode,
    allowDegraded: flags.allowDegraded ?? [],
  })
  if (exec === undefined) return written
  return { ...written, exec: exec.map((name) => (name.includes('/') ? path(name) : name)) }
}

function workspaceOf({ workspace, sync }: PolicyFlags, path: (given: string) => string): Plain | undefined {
  if (workspace === undefined) return undefined
  const { path: directory, mode } = parseWorkspace(workspace)
  return { path: path(directory), mode, ...(sync !== undefined && { sync }) }
}

function secretsOf(given: readonly string[], path: (given: string) => string): Record<string, Plain> {
  return Object.fromEntries(
    Object.entries(secretsFromFlags(given)).map(([name, { from, ...words }]) => [
      name,
      { from: from.startsWith('file:') ? `file:${path(from.slice('file:'.length))}` : from, ...words },
    ]),
  )
}

/** A path as it means the same from the file as it did from here. */
function spellPath(given: string, { cwd, base }: { cwd: string; base: string | undefined }): string {
  if (isAbsolute(given) || given === '~' || given.startsWith('~/')) return given
  const absolute = resolve(cwd, given)
  if (base === undefined) return absolute
  const inside = relative(base, absolute)
  if (inside === '') return '.'
  return inside === '..' || inside.startsWith('../') ? absolute : `./${inside}`
}

function number(text: string | undefined): number | undefined {
  return text === undefined ? undefined : Number(text)
}

function withoutEmpty(table: Readonly<Record<string, Plain | undefined>>): Record<string, Plain> {
  return Object.fromEntries(
    Object.entries(table).flatMap(([key, value]) => (value === undefined || isEmpty(value) ? [] : [[key, value]])),
  )
}

function isEmpty(value: Plain): boolean {
  return typeof value === 'object' && value !== null && Object.keys(value).length === 0
}
