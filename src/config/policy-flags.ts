import { existsSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { Option, type Command } from 'commander'
import { GloveboxError, messageOf } from '../errors.ts'
import { controls, type Control } from '../protocol/controls.ts'
import { publishedPorts, resolveNetwork, type NetworkList, type NetworkWords } from '../policy/network/words.ts'
import type { AccelName, OwnMachine, VmmName } from '../policy/plan.ts'
import { defaultPolicy, type Policy, type PolicyLimits, type Workspace } from '../policy/policy.ts'
import { toSecret } from '../policy/secret-words.ts'
import { parseCount, parseCpus, parseDuration, parseSize } from '../policy/sizes.ts'
import { shellWord } from '../ui/shell-word.ts'
import { quoted } from './schema/words.ts'
import { secretsFromFlags } from './secret-flags.ts'

/** What commander collects for the flags below. */
export interface PolicyFlags {
  readonly driver?: string
  readonly isolation?: string
  readonly vmm?: VmmName
  readonly image?: string
  readonly accel?: AccelName
  readonly read?: readonly string[]
  readonly write?: readonly string[]
  readonly volume?: readonly string[]
  readonly deny?: readonly string[]
  readonly workspace?: string
  readonly sync?: 'ask' | 'yes' | 'no'
  readonly allowNet?: readonly string[]
  readonly denyNet?: readonly string[]
  readonly allowPrivate?: readonly string[]
  readonly resolver?: readonly string[]
  readonly ask?: boolean
  readonly publish?: readonly string[]
  readonly env?: readonly string[]
  readonly envFile?: readonly string[]
  readonly secret?: readonly string[]
  readonly exec?: readonly string[]
  readonly memory?: string
  readonly cpus?: string
  readonly vcpus?: string
  readonly pids?: string
  readonly disk?: string
  readonly openFiles?: string
  readonly time?: string
  readonly tools?: readonly string[]
  readonly denyTools?: readonly string[]
  readonly mode?: Policy['mode']
  readonly allowDegraded?: readonly string[]
}

/** The policy flags, the same on every verb that starts a sandbox. */
export function addPolicyFlags(command: Command): Command {
  const list = (value: string, before: readonly string[] | undefined): string[] => [
    ...(before ?? []),
    ...value.split(',').filter((item) => item !== ''),
  ]
  const each = (value: string, before: readonly string[] | undefined): string[] => [...(before ?? []), value]
  /** Commas separate, but where only the whole is a path that is there. */
  const paths = (value: string, before: readonly string[] | undefined): string[] => {
    const items = list(value, undefined)
    const isOne = items.length > 1 && !items.every((item) => existsSync(item)) && existsSync(value)
    return [...(before ?? []), ...(isOne ? [value] : items)]
  }
  const some = (flag: string, parse: typeof list) => (value: string, before: readonly string[] | undefined) => {
    if (/^,*$/.test(value)) throw isEmpty(flag)
    return parse(value, before)
  }
  return command
    .optionsGroup('Files:')
    .option(
      '--read <path>',
      'show a file or directory, read-only; may run programs (repeat, or commas)',
      some('--read', paths),
    )
    .option(
      '--write <path>',
      'show a file or directory that may be changed; nothing in it runs',
      some('--write', paths),
    )
    .option('-v, --volume <host[:ro]>', 'as --write, or as --read with :ro', each)
    .option('--deny <path>', 'hide a path inside what is shown', some('--deny', list))
    .option(
      '--workspace <dir[:mode]>',
      'a directory at its own path and at /workspace; mode copy (default: changed files are taken over at the end), read or write',
    )
    .addOption(
      new Option('--sync <word>', 'of a copied workspace: take its changes over, or ask first').choices([
        'ask',
        'yes',
        'no',
      ]),
    )
    .optionsGroup('Network (none by default):')
    .option(
      '--allow-net <name[:port]>',
      'who may be connected to: api.github.com, *.example.org:443,8443, 10.0.0.5:5432, preset:npm (repeat, or commas)',
      some('--allow-net', ruleList),
    )
    .option(
      '--deny-net <name[:port]>',
      'who may not, whatever allows it; without a port it is every port',
      some('--deny-net', ruleList),
    )
    .option(
      '--allow-private <range>',
      'where allowed names may live besides the public internet: 10.0.0.0/8',
      some('--allow-private', list),
    )
    .option(
      '--resolver <address[:port]>',
      'the name server to ask instead of those of the host',
      some('--resolver', list),
    )
    .option(
      '-p, --publish <[host:]port>',
      'a port inside that this machine reaches on 127.0.0.1: 8080:3000, or 3000 for a free one (repeat, or commas)',
      some('--publish', list),
    )
    .option('--ask', 'run: ask in the client about names that no rule has, where the client can')
    .optionsGroup('Programs and environment:')
    .option(
      '--exec <program>',
      "the only programs that may be executed, besides the command itself; '' for none",
      paths,
    )
    .option('-e, --env <name[=value]>', 'a variable; the name alone copies ours', each)
    .option('--env-file <file>', 'variables, one NAME=VALUE a line', each)
    .option(
      '--secret <name=source@host>',
      'a secret (env:, file:, cmd:, keyring:) that is put into requests to these hosts and is not in the sandbox',
      each,
    )
    .optionsGroup('Limits, for the whole sandbox:')
    .option('-m, --memory <size>', 'memory, tmpfs and shared memory included (default 512M)')
    .option('--cpus <n>', 'CPUs, may be a fraction (default 1)')
    .addOption(new Option('--vcpus <n>').hideHelp())
    .option('--pids <n>', 'processes and threads (default 128)')
    .option('--disk <size>', '/tmp, home and /dev/shm together (default 256M, at most the memory)')
    .option('--open-files <n>', 'open files a process (default 4096)')
    .option('--time <duration>', 'run: the longest one request may take; exec: the whole program')
    .optionsGroup('Tools:')
    .option('--tools <names>', 'the only tools that exist for the client; * matches any run of characters', list)
    .option(
      '--deny-tools <names>',
      'tools that do not exist for the client; wins over --tools',
      some('--deny-tools', list),
    )
    .optionsGroup('Wall:')
    .option('--driver <name>', 'jail (default), a sandbox of this kernel; microvm, a virtual machine of its own')
    .addOption(
      new Option(
        '--vmm <name>',
        'of the driver microvm, which it implies: the program that runs machines (default: firecracker where KVM boots a guest with it, else qemu)',
      ).choices(['firecracker', 'qemu']),
    )
    .addOption(
      new Option(
        '--accel <name>',
        'of the driver microvm, which it implies: what machines run on (default auto: KVM where a guest really boots on it, else emulation)',
      ).choices(['auto', 'kvm', 'tcg']),
    )
    .option(
      '--image <name>',
      'of the driver microvm, which it implies: what machines start from, by the name or digest that `glovebox image list` has',
    )
    .addOption(new Option('--isolation <name>').hideHelp())
    .addOption(
      new Option('--mode <mode>', 'enforce (default), or audit: also record each file that is opened').choices([
        'enforce',
        'audit',
      ]),
    )
    .option(
      '--allow-degraded <control>',
      'start although this host cannot enforce a control; told in the receipt and the record',
      some('--allow-degraded', list),
    )
}

/**
 * The flags as a policy.
 * @throws GloveboxError POLICY_INVALID naming the flag
 */
export function policyFromFlags(flags: PolicyFlags, env: NodeJS.ProcessEnv): Policy {
  const volumes = (flags.volume ?? []).map(parseVolume)
  return {
    ...defaultPolicy,
    driver: driverOf(flags),
    ...(flags.vmm !== undefined && { vmm: flags.vmm }),
    ...(flags.accel !== undefined && { accel: flags.accel }),
    ...(flags.image !== undefined && { machine: machineFrom(flags.image) }),
    workspace: flags.workspace === undefined ? null : parseWorkspace(flags.workspace),
    filesystem: {
      read: [...(flags.read ?? []), ...volumes.filter(({ readOnly }) => readOnly).map(({ path }) => path)],
      write: [...(flags.write ?? []), ...volumes.filter(({ readOnly }) => !readOnly).map(({ path }) => path)],
      deny: flags.deny ?? [],
    },
    network: networkOf(flags),
    exec: flags.exec ?? null,
    secrets: Object.entries(secretsFromFlags(flags.secret ?? [])).map(([name, words]) => toSecret(name, words)),
    env: Object.fromEntries([
      ...(flags.envFile ?? []).flatMap(readEnvFile),
      ...(flags.env ?? []).flatMap((item) => parseEnv(item, env)),
    ]),
    limits: parseLimits(flags),
    tools: { allow: flags.tools ?? ['*'], deny: flags.denyTools ?? [] },
    mode: flags.mode ?? 'enforce',
    allowDegraded: (flags.allowDegraded ?? []).map(parseControl),
  }
}

function machineFrom(image: string): OwnMachine {
  if (image === '') throw isEmpty('--image')
  return { kernel: null, rootfs: null, image }
}

/** The driver that has machines, with VMMs and accelerators. */
const ofMachines = 'microvm'

function driverOf({ driver, isolation, ...flags }: PolicyFlags): string {
  const named = driver ?? isolation
  const which = (['vmm', 'accel', 'image'] as const).find((name) => flags[name] !== undefined)
  const flag = which && `--${which}`
  if (flag === undefined || named === undefined || named === ofMachines) {
    return named ?? (flag === undefined ? defaultPolicy.driver : ofMachines)
  }
  throw new GloveboxError('POLICY_INVALID', `${flag}: the driver ${named} has none`, {
    fix: `leave --driver out, which ${flag} implies, or leave ${flag} out`,
  })
}

/** Most often a variable of a shell that is not set; passed over, a list would deny less than was meant, or allow something else. */
function isEmpty(flag: string): GloveboxError {
  return new GloveboxError('USAGE', `${flag}: its value is empty`, {
    fix: `leave ${flag} out, or check the variable that it comes from`,
  })
}

/** Which flag adds to which list. */
export const networkFlags: Readonly<Record<NetworkList, string>> = {
  allow: '--allow-net',
  deny: '--deny-net',
  private: '--allow-private',
  resolvers: '--resolver',
  publish: '--publish',
}

function networkOf(flags: PolicyFlags): NetworkWords {
  const words: NetworkWords = {
    allow: flags.allowNet ?? [],
    deny: flags.denyNet ?? [],
    private: flags.allowPrivate ?? [],
    resolvers: flags.resolver ?? [],
    publish: flags.publish ?? [],
    limits: {},
    ...(flags.ask === true && { ask: true }),
  }
  const tell = { quote: quoted, place: (key: NetworkList) => networkFlags[key] }
  publishedPorts(words, resolveNetwork(words, tell), tell)
  return words
}

/** A list by comma, in which `NAME:443,8443` is one item: no name and no address is a number. */
function ruleList(value: string, before: readonly string[] = []): string[] {
  const items: string[] = []
  for (const word of value.split(',')) {
    const last = items.at(-1)
    if (last !== undefined && /^\d+(-\d+)?$/.test(word)) items[items.length - 1] = `${last},${word}`
    else if (word !== '') items.push(word)
  }
  return [...before, ...items]
}

function parseLimits(flags: PolicyFlags): PolicyLimits {
  const cpus = flags.cpus ?? flags.vcpus
  return {
    ...(flags.memory !== undefined && { memoryBytes: parseSize(flags.memory, '--memory') }),
    ...(cpus !== undefined && { cpus: parseCpus(cpus, '--cpus') }),
    ...(flags.pids !== undefined && { pids: parseCount(flags.pids, '--pids') }),
    ...(flags.disk !== undefined && { diskBytes: parseSize(flags.disk, '--disk') }),
    ...(flags.openFiles !== undefined && { openFiles: parseCount(flags.openFiles, '--open-files') }),
    ...(flags.time !== undefined && { timeMs: parseDuration(flags.time, '--time') }),
  }
}

/** Without a mode it is a copy. */
export function parseWorkspace(text: string): Workspace {
  if (text === '') throw isEmpty('--workspace')
  const [, path = text, mode = 'copy'] = /^(.+):([^/:]*)$/.exec(text) ?? []
  if (mode === 'copy' || mode === 'read' || mode === 'write') return { path, mode }
  const meant = mode === 'ro' ? 'read' : mode === 'rw' ? 'write' : 'copy'
  throw new GloveboxError('POLICY_INVALID', `--workspace ${text}: "${mode}" is no mode`, {
    fix: `copy, read or write: --workspace ${shellWord(`${path}:${meant}`)} (where the colon belongs to the name: ${shellWord(`${text}:copy`)})`,
  })
}

function parseVolume(text: string): { path: string; readOnly: boolean } {
  const [path = '', option, ...more] = text.split(':')
  if (path === '' || more.length > 0 || (option !== undefined && option !== 'ro' && option !== 'rw')) {
    throw new GloveboxError(
      'POLICY_INVALID',
      `--volume ${text}: a host path is shown at its own path, so only HOST, HOST:ro and HOST:rw mean something`,
      {
        fix: `--volume ${shellWord(path === '' ? '/some/path' : path)}:ro`,
      },
    )
  }
  return { path, readOnly: option === 'ro' }
}

function parseEnv(item: string, env: NodeJS.ProcessEnv): [string, string][] {
  const at = item.indexOf('=')
  const name = at < 0 ? item : item.slice(0, at)
  requireVariableName(name, '--env')
  if (at >= 0) return [[name, item.slice(at + 1)]]
  const value = env[name]
  if (value !== undefined) return [[name, value]]
  throw new GloveboxError('POLICY_INVALID', `--env ${name}: there is no such variable in our environment to copy`, {
    fix: `set it, or write --env ${name}=VALUE`,
  })
}

function readEnvFile(file: string): [string, string][] {
  return readText(file)
    .replace(/^\uFEFF/, '')
    .split('\n')
    .flatMap((line, index): [string, string][] => {
      if (line.trim() === '' || line.trimStart().startsWith('#')) return []
      const at = line.indexOf('=')
      if (at < 0)
        throw new GloveboxError('POLICY_INVALID', `${file}:${index + 1}: no "=" in this line`, {
          fix: 'write NAME=VALUE, or # in front of a comment',
        })
      requireVariableName(line.slice(0, at), `${file}:${index + 1}`)
      return [[line.slice(0, at), line.slice(at + 1).replace(/\r$/, '')]]
    })
}

function readText(file: string): string {
  try {
    return readFileSync(resolve(file), 'utf8')
  } catch (cause) {
    throw new GloveboxError('POLICY_INVALID', `--env-file ${file}: ${messageOf(cause)}`, {
      cause,
      fix: 'check the path',
    })
  }
}

function requireVariableName(name: string, what: string): void {
  if (/^[A-Za-z_][A-Za-z0-9_]*$/.test(name)) return
  throw new GloveboxError('POLICY_INVALID', `${what}: "${name}" is not the name of a variable`, {
    fix: 'letters, digits and _, not starting with a digit',
  })
}

function parseControl(text: string): Control {
  const control = controls.find((name) => name === text)
  if (control !== undefined) return control
  throw new GloveboxError('POLICY_INVALID', `--allow-degraded ${text}: there is no such control`, {
    fix: `choose from ${controls.join(', ')}`,
  })
}
