import { GloveboxError } from '../errors.ts'
import type { HostFacts, PathFact } from './host-facts.ts'
import { isWithin, whyMixed, whyReserved } from './paths.ts'
import type { PlanMount } from './plan.ts'
import type { Policy } from './policy.ts'

/**
 * Every mount of the sandbox, outer ones before inner ones.
 * @throws GloveboxError POLICY_INVALID naming the flag and the path
 */
export function planMounts(policy: Policy, facts: HostFacts): PlanMount[] {
  const asked = askedMounts(policy, facts)
  const mounts = [...systemMounts(facts), ...asked, ...inferredMounts(facts, asked)]
  return outerFirst(mounts)
}

function systemMounts(facts: HostFacts): PlanMount[] {
  return facts.system.map(({ path, source, exec }) => ({
    source,
    target: path,
    access: 'read',
    exec,
    owner: 'system',
    why: 'system',
  }))
}

function askedMounts({ filesystem, workspace }: Policy, facts: HostFacts): PlanMount[] {
  const mounts: PlanMount[] = []
  for (const given of filesystem.read) mounts.push(...userMounts('filesystem.read', given, 'read', facts))
  for (const given of filesystem.write) mounts.push(...userMounts('filesystem.write', given, 'write', facts))
  if (workspace) {
    mounts.push(...userMounts('workspace', workspace.path, workspace.mode, facts))
    const { real } = existing('workspace', workspace.path, facts)
    if (facts.paths.get(workspace.path)?.kind !== 'directory') {
      throw new GloveboxError('POLICY_INVALID', `workspace: ${workspace.path} is not a directory`, {
        fix: 'name a directory',
      })
    }
    for (const target of workspaceTargets) mounts.push(userMount(real, target, workspace.mode, 'workspace'))
  }
  return withoutRepeats(mounts)
}

/** Where the workspace is besides at its own path: the second is what other tools call it. */
const workspaceTargets = ['/workspace', '/mcp-workspace'] as const

type Access = PlanMount['access']

/** A host path appears at its own path; one spelled through a link appears there too. */
function userMounts(key: string, given: string, access: Access, facts: HostFacts): PlanMount[] {
  const { absolute, real } = existing(key, given, facts)
  return [...new Set([real, absolute])].map((target) => {
    const reason = whyReserved(target) ?? whyMixed(target)
    if (reason !== undefined)
      throw new GloveboxError('POLICY_INVALID', `${key}: ${given} cannot be mounted: ${reason}`, {
        fix: 'name what is needed below it',
      })
    if (access !== 'read' && facts.system.some(({ path }) => isWithin(target, path) || isWithin(path, target))) {
      throw new GloveboxError(
        'POLICY_INVALID',
        `${key}: ${given} is part of the system, which is read-only in every sandbox`,
        { fix: 'use a directory outside the system' },
      )
    }
    if (access === 'read') refuseUnseen(key, given, real, facts)
    else refuseOwn(key, given, real, facts)
    return userMount(real, target, access, key)
  })
}

/** A sandbox that could write there would rewrite the record of what it did, its own policy, or what starts next time. */
function refuseOwn(key: string, given: string, real: string, { own, staging }: HostFacts): void {
  if (staging.some((each) => isWithin(real, each))) return
  const hit = own.find((path) => isWithin(path, real) || isWithin(real, path))
  if (hit === undefined) return
  throw new GloveboxError(
    'POLICY_INVALID',
    `${key}: ${given} has Glovebox's own files in it (${hit}), which no sandbox may change`,
    {
      fix: 'name only the directories that it needs to write',
    },
  )
}

/** What lies above it can be shown: it is masked there (`unseenIn`). */
function refuseUnseen(key: string, given: string, real: string, { unseen }: HostFacts): void {
  const hit = unseen.find((path) => isWithin(real, path))
  if (hit === undefined) return
  throw new GloveboxError(
    'POLICY_INVALID',
    `${key}: ${given} is Glovebox's own (${hit}): settings, records and keys, which no sandbox may see`,
    { fix: 'copy what it needs to another directory (records: glovebox audit query --json >FILE)' },
  )
}

/** Glovebox's own directories that these mounts would show, as paths of the host. */
export function unseenIn(mounts: readonly PlanMount[], { unseen }: HostFacts): string[] {
  return unseen.filter((path) => mounts.some(({ owner, source }) => owner === 'user' && isAbove(source, path)))
}

function isAbove(directory: string, path: string): boolean {
  return path !== directory && isWithin(path, directory)
}

function existing(key: string, given: string, facts: HostFacts): PathFact & { readonly real: string } {
  const fact = facts.paths.get(given)
  if (!fact || fact.kind === 'missing' || fact.real === undefined) {
    throw new GloveboxError('POLICY_INVALID', `${key}: ${given} does not exist`, {
      fix: 'create it first, or correct the path',
    })
  }
  if (fact.kind === 'other') {
    throw new GloveboxError(
      'POLICY_INVALID',
      `${key}: ${given} is a socket, a device or a pipe, which would be a hole in the wall`,
      { fix: 'name a file or a directory' },
    )
  }
  return { ...fact, real: fact.real }
}

/** Read-only mounts may hold programs and native addons; writable ones never run anything. */
function userMount(source: string, target: string, access: Access, why: string): PlanMount {
  return { source, target, access, exec: access === 'read', owner: 'user', why }
}

/**
 * What the command needs in order to start, unless it can be read there already. What is executed must also
 * lie on a mount that may execute: inside a writable one it is laid over itself, alone and read-only,
 * so that nothing the sandbox writes can ever run.
 */
function inferredMounts(facts: HostFacts, asked: readonly PlanMount[]): PlanMount[] {
  const mounts: PlanMount[] = []
  const isSystem = (path: string) => facts.system.some((system) => isWithin(path, system.path))
  const innermost = (path: string) =>
    [...asked, ...mounts]
      .filter((mount) => isWithin(path, mount.target))
      .toSorted((a, b) => b.target.length - a.target.length)[0]
  for (const { path, source, why } of facts.command.needs.toSorted((a, b) => a.path.length - b.path.length)) {
    if (!isSystem(path) && innermost(path) === undefined) mounts.push(userMount(source ?? path, path, 'read', why))
  }
  for (const path of facts.command.executables) {
    if (!isSystem(path) && innermost(path)?.exec !== true) mounts.push(userMount(path, path, 'read', 'program'))
  }
  return mounts
}

/** The same target asked for twice: `write` wins, as the wider wish that the user wrote down, and a copy over `read`. */
function withoutRepeats(mounts: readonly PlanMount[]): PlanMount[] {
  const byTarget = new Map<string, PlanMount>()
  for (const mount of mounts) {
    const before = byTarget.get(mount.target)?.access
    if (before !== 'write' && !(before === 'copy' && mount.access === 'read')) byTarget.set(mount.target, mount)
  }
  return [...byTarget.values()]
}

function outerFirst(mounts: readonly PlanMount[]): PlanMount[] {
  const depth = (path: string) => path.split('/').length
  return mounts.toSorted((a, b) => depth(a.target) - depth(b.target))
}
