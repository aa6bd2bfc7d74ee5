import { lstatSync, readFileSync, renameSync, rmdirSync, rmSync, statSync } from 'node:fs'
import { join } from 'node:path'
import { GloveboxError, messageOf } from '../../errors.ts'
import { namesIn } from '../../system/names-in.ts'
import type { Places } from '../../system/places.ts'
import { processState } from '../../system/process-state.ts'
import { writeWhole } from '../../system/write-whole.ts'
import { hasCode } from '../../system/error-code.ts'
import { ownDirectory } from '../running/own-directory.ts'
import { makeAbove } from './places.ts'
import { clear } from './clear.ts'
import { readManifest, writeManifest, type Manifest } from './manifest.ts'
import type { TreePath } from './path.ts'

/** What is known of a copy besides its files. */
export interface SessionAbout {
  readonly schema: 'glovebox/workspace/1'
  /** The sandbox's. */
  readonly id: string
  readonly server: string
  /** The directory of the host, links resolved. */
  readonly workspace: string
  /** Its inode: another directory of that name is not what was copied. */
  readonly inode: number
  readonly startedMs: number
  readonly exclude: readonly string[]
  readonly deny: readonly TreePath[]
  /** How much the sandbox may add to it. */
  readonly growthBytes: number
}

/**
 * A copy of a workspace on disk, from the copy in until its changes are back. It belongs to the process that its directory is
 * named after, and to whoever takes it over when that one is gone.
 */
export interface Session {
  readonly about: SessionAbout
  readonly directory: string
  /** What the sandbox sees. */
  readonly files: string
  /** `running`: its process lives. `elsewhere`: of another pid namespace, in which nobody here sees who lives. */
  readonly owner: 'us' | 'running' | 'gone' | 'elsewhere'
}

const aboutName = 'session.json'
const manifestName = 'manifest'

function workspacesOf(places: Places): string {
  return join(places.state, 'workspaces')
}

/** Ours: `ID.PID.BEGUN.NAMESPACE`, so that what a dead process has left can be told, and taken over by one rename. */
function ownName(id: string): string {
  return [id, process.pid, processState(process.pid)?.begun ?? '0', pidNamespace()].join('.')
}

function pidNamespace(): number {
  return statSync('/proc/self/ns/pid').ino
}

/** @throws GloveboxError or the system's error where there is no place for it */
export function makeSession(places: Places, about: SessionAbout): Session {
  const above = workspacesOf(places)
  makeAbove(places.state)
  for (const each of [places.state, above]) ownDirectory(each)
  const directory = join(above, ownName(about.id))
  ownDirectory(directory)
  writeWhole(join(directory, aboutName), `${JSON.stringify(about)}\n`)
  const files = join(directory, 'files')
  ownDirectory(files)
  return { about, directory, files, owner: 'us' }
}

export function keepManifest(session: Session, manifest: Manifest): void {
  writeManifest(join(session.directory, manifestName), manifest)
}

/** Undefined for a copy that was never finished, of which nothing can be lost. */
export function manifestOf(session: Session): Manifest | undefined {
  return readManifest(join(session.directory, manifestName))
}

/** All of this user, the oldest first. */
export function listSessions(places: Places): Session[] {
  const above = workspacesOf(places)
  const found: Session[] = []
  for (const name of namesIn(above)) {
    const session = sessionAt(join(above, name), name)
    if (session !== undefined) found.push(session)
  }
  return found.sort((a, b) => a.about.startedMs - b.about.startedMs)
}

/**
 * Takes over a copy whose process is gone; undefined when somebody else was faster. `force`: also where nobody can tell whether
 * its process lives, since the user says that it does not.
 */
export function takeOver(session: Session, places: Places, options: { readonly force: boolean }): Session | undefined {
  if (session.owner === 'us') return session
  if (session.owner !== 'gone' && !(options.force && session.owner === 'elsewhere')) return undefined
  const directory = join(workspacesOf(places), ownName(session.about.id))
  try {
    renameSync(session.directory, directory)
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined
    throw error
  }
  return { ...session, directory, files: join(directory, 'files'), owner: 'us' }
}

const declinedName = 'declined'

/** Somebody said no: it is kept for them, and no later start takes it over by itself. */
export function markDeclined({ directory }: Session): void {
  writeWhole(join(directory, declinedName), '')
}

export function isDeclined({ directory }: Session): boolean {
  return isThere(join(directory, declinedName))
}

const sentName = 'sent'

/** From here on the copy is worked in elsewhere: until it has come back, what is here has no changes in it. */
export function markSent({ directory }: Session): void {
  writeWhole(join(directory, sentName), '')
}

/** What came back, whole, with the copy in it as `copy`. */
export function returnedOf({ directory }: Session): string {
  return join(directory, 'returned')
}

/** Puts what came back in the place of what was sent. Interrupted, it is done again by whoever looks next. */
export function takeReturned(session: Session): void {
  const returned = join(returnedOf(session), 'copy')
  if (isThere(returned)) {
    clearAway(session.files)
    renameSync(returned, session.files)
    rmSync(join(session.directory, sentName), { force: true })
  }
  clearAway(returnedOf(session))
}

/** Whether it was sent, and did not come back: its changes are gone with the sandbox. */
export function isLost(session: Session): boolean {
  return isThere(join(session.directory, sentName))
}

/** A directory of ours, with all that a sandbox has made in it. Nothing where nothing is. */
export function clearAway(directory: string): void {
  if (!isThere(directory)) return
  clear(directory)
  rmdirSync(directory)
}

function isThere(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined
}

/** With all that is in it. The manifest first: what is left half of a copy is none. */
export function removeSession({ directory, files }: Session): void {
  rmSync(join(directory, manifestName), { force: true })
  for (const each of [files, join(directory, 'back'), join(directory, 'returned')]) clearAway(each)
  rmSync(directory, { recursive: true, force: true })
}

function sessionAt(directory: string, name: string): Session | undefined {
  const [, pid, begun, namespace] = /^[a-z0-9-]{1,64}\.(\d{1,10})\.(\d{1,20})\.(\d{1,20})$/.exec(name) ?? []
  if (pid === undefined) return undefined
  const about = readAbout(directory)
  const owner = ownerOf({ pid: Number(pid), begun, namespace: Number(namespace) })
  if (about !== undefined) return { about, directory, files: join(directory, 'files'), owner }
  // A process that was killed before it could say what this is: there is nothing in it yet.
  if (owner === 'gone') rmSync(directory, { recursive: true, force: true })
  return undefined
}

function ownerOf({
  pid,
  begun,
  namespace,
}: {
  pid: number
  begun: string | undefined
  namespace: number
}): Session['owner'] {
  if (namespace !== pidNamespace()) return 'elsewhere'
  if (processState(pid)?.begun !== begun) return 'gone'
  return pid === process.pid ? 'us' : 'running'
}

function readAbout(directory: string): SessionAbout | undefined {
  let text: string
  try {
    text = readFileSync(join(directory, aboutName), 'utf8')
  } catch (error) {
    if (hasCode(error, 'ENOENT')) return undefined
    throw error
  }
  try {
    const about = JSON.parse(text) as SessionAbout
    if (about.schema !== 'glovebox/workspace/1') throw new Error('of another version of glovebox')
    return about
  } catch (cause) {
    throw new GloveboxError('FAILED', `${join(directory, aboutName)}: ${messageOf(cause)}`, {
      cause,
      fix: `what the sandbox left is in ${join(directory, 'files')}`,
    })
  }
}
