import { isIP } from 'node:net'
import { resolve } from 'node:path'
import { readResolver } from '../../policy/network/resolver.ts'
import { quoted, wrongVariable, type Wrong } from '../schema/words.ts'
import type { Draft, Place } from './draft.ts'

/** A directive of Firejail (firejail-profile(5)) that means something here. */
export interface Directive {
  /** How it is written, for the documentation. */
  readonly usage: string
  /** The key of a sandbox that it sets, or `always` when it holds in every sandbox. */
  readonly key: string
  readonly meaning: string
  readonly apply: (argument: string, draft: Draft, place: Place) => Wrong
}

/** It holds in every sandbox: nothing to do, and nothing that could weaken it. */
function always(usage: string, meaning: string, argument: RegExp = /^$/): Directive {
  return {
    usage,
    key: 'always',
    meaning,
    apply: (given) =>
      argument.test(given) ? undefined : [`${quoted(given)} means nothing here`, `the only form is: ${usage}`],
  }
}

function path(
  usage: string,
  key: string,
  meaning: string,
  add: (path: string, draft: Draft, place: Place) => void,
): Directive {
  return {
    usage,
    key,
    meaning,
    apply(given, draft, place) {
      const found = expand(given, draft.home)
      if (typeof found !== 'string') return found
      add(found, draft, place)
      return undefined
    },
  }
}

function limit(usage: string, key: 'memory' | 'pids' | 'openFiles', meaning: string): Directive {
  return {
    usage,
    key: `limits.${key}`,
    meaning,
    apply(given, draft, place) {
      const match = (key === 'memory' ? /^(\d{1,15})([kmg]?)$/i : /^(\d{1,9})()$/).exec(given)
      const value = Number(match?.[1]) * ({ k: 1024, m: 1024 ** 2, g: 1024 ** 3 }[match?.[2]?.toLowerCase() ?? ''] ?? 1)
      if (!(value >= 1)) return [`${quoted(given)} is not a limit`, `write it as: ${usage}`]
      draft.limits.set(key, { value, place })
      return undefined
    },
  }
}

/** Every directive but `include`; any other word at the start of a line is an error. */
export const directives: Readonly<Record<string, Directive>> = {
  'read-only': path(
    'read-only PATH',
    'filesystem.read',
    'shown, read-only; programs in it may run',
    (value, draft, place) => draft.readOnly.push({ value, place }),
  ),
  'whitelist-ro': path('whitelist-ro PATH', 'filesystem.read', 'the same', (value, draft, place) =>
    draft.readOnly.push({ value, place }),
  ),
  whitelist: path(
    'whitelist PATH',
    'filesystem.write',
    'shown and writable, unless `read-only` names it too; nothing in it can run',
    (value, draft, place) => draft.shown.push({ value, place }),
  ),
  'read-write': path('read-write PATH', 'filesystem.write', 'shown and writable', (value, draft, place) =>
    draft.shown.push({ value, place }),
  ),
  blacklist: path('blacklist PATH', 'filesystem.deny', 'hidden inside what is shown', (value, draft, place) => {
    if (!draft.notHidden.has(value)) draft.hidden.push({ value, place })
  }),
  noblacklist: path(
    'noblacklist PATH',
    'filesystem.deny',
    'a later `blacklist` of the same path does nothing',
    (value, draft) => draft.notHidden.add(value),
  ),
  noexec: path(
    'noexec PATH',
    'always',
    'what is writable is never executable; an error for a path that is shown read-only',
    (value, draft, place) => draft.notExecutable.push({ value, place }),
  ),
  'private-bin': {
    usage: 'private-bin NAME,NAME',
    key: 'exec',
    meaning: 'the only programs that may be executed, besides the command',
    apply(given, draft, place) {
      const names = given.split(',').map((name) => name.trim())
      const wrong = names.find((name) => !/^[A-Za-z0-9_][A-Za-z0-9._+-]*$/.test(name))
      if (wrong !== undefined)
        return [`${quoted(wrong)} is not the name of a program`, 'names without patterns, by comma']
      draft.programs.push(...names.map((value) => ({ value, place })))
      return undefined
    },
  },
  env: {
    usage: 'env NAME=VALUE',
    key: 'env',
    meaning: 'a variable; the environment of the server wins over it',
    apply(given, draft, place) {
      const at = given.indexOf('=')
      if (at < 0) return [`there is no "=" in ${quoted(given)}`, 'write it as: env NAME=VALUE']
      const name = given.slice(0, at)
      const wrong = wrongVariable(name)
      if (wrong === undefined) draft.env.set(name, { value: given.slice(at + 1), place })
      return wrong
    },
  },
  rmenv: {
    usage: 'rmenv NAME',
    key: 'env',
    meaning: 'takes an earlier `env` back; ours are never passed on',
    apply(given, draft) {
      const wrong = wrongVariable(given)
      if (wrong === undefined) draft.env.delete(given)
      return wrong
    },
  },
  dns: {
    usage: 'dns ADDRESS',
    key: 'network.resolvers',
    meaning: 'a name server to ask for the names that `network.allow` of the server has',
    apply(given, draft, place) {
      if (isIP(given) === 0) return [`${quoted(given)} is not an address`, 'such as: dns 9.9.9.9']
      const { mistake } = readResolver(given)
      if (mistake !== undefined) return [`${quoted(given)} ${mistake.why}`, 'such as: dns 9.9.9.9']
      draft.resolvers.push({ value: given, place })
      return undefined
    },
  },
  'rlimit-as': limit(
    'rlimit-as SIZE',
    'memory',
    'the memory of the whole sandbox, which is stricter than the address space of each process; K, M, G or bytes',
  ),
  'rlimit-nproc': limit('rlimit-nproc NUMBER', 'pids', 'processes and threads of the whole sandbox'),
  'rlimit-nofile': limit('rlimit-nofile NUMBER', 'openFiles', 'open files of a process'),
  protocol: {
    usage: 'protocol unix,inet,inet6,netlink',
    key: 'always',
    meaning: 'sockets of other families do not exist; none of them leaves the sandbox but as `network.allow` says',
    apply(given) {
      const wrong = given.split(',').find((name) => !['unix', 'inet', 'inet6', 'netlink'].includes(name.trim()))
      return wrong === undefined
        ? undefined
        : [
            `sockets of the family ${quoted(wrong.trim())} do not exist in a sandbox`,
            'unix, inet, inet6 and netlink do',
          ]
    },
  },
  net: always('net none', 'no network but what `network.allow` of the server opens', /^none$/),
  'caps.drop': always('caps.drop all', 'no capability; a list is also held', /^(all|[a-z_]+(,[a-z_]+)*)$/),
  seccomp: always('seccomp', 'an allowlist of system calls, always the same'),
  'seccomp.block-secondary': always('seccomp.block-secondary', '32-bit system calls are refused'),
  nonewprivs: always('nonewprivs', 'set-user-id programs gain nothing'),
  noroot: always('noroot', 'no user namespace inside, and no root in it'),
  'ipc-namespace': always('ipc-namespace', 'System V and POSIX queues of its own'),
  private: always('private', 'home is empty and on tmpfs'),
  'private-cache': always('private-cache', 'home is empty and on tmpfs'),
  'private-dev': always('private-dev', 'a minimal `/dev`'),
  'private-tmp': always('private-tmp', 'an empty `/tmp` on tmpfs'),
  'disable-mnt': always('disable-mnt', 'nothing of `/mnt`, `/media` and `/run` unless it is named'),
  'dbus-user': always('dbus-user none', 'no socket of the host', /^none$/),
  'dbus-system': always('dbus-system none', 'no socket of the host', /^none$/),
  x11: always('x11 none', 'no socket of the host', /^none$/),
  shell: always('shell none', 'no shell between us and the command', /^none$/),
  'machine-id': always('machine-id', 'one of its own'),
  no3d: always('no3d', 'no such device'),
  nodvd: always('nodvd', 'no such device'),
  noinput: always('noinput', 'no such device'),
  noprinters: always('noprinters', 'no such device'),
  nosound: always('nosound', 'no such device'),
  notv: always('notv', 'no such device'),
  nou2f: always('nou2f', 'no such device'),
  novideo: always('novideo', 'no such device'),
}

/** A path of a profile, or why it is none. */
function expand(given: string, home: string): string | NonNullable<Wrong> {
  if (given === '') return ['a path is missing', 'write one behind the directive']
  if (/[*?[\]]/.test(given)) return [`${quoted(given)} is a pattern`, 'name the file or the directory']
  const expanded = given.replace(/^(\$\{HOME\}|~)(?=\/|$)/, home)
  if (/\$\{/.test(expanded)) return [`${quoted(given)} has a macro that is not known`, 'only ${HOME} and ~ are']
  if (!expanded.startsWith('/')) return [`${quoted(given)} is not absolute`, 'start it with / or ${HOME}']
  return resolve(expanded)
}
