import { createHash, randomBytes } from 'node:crypto'
import { chmodSync, lstatSync, readFileSync, readdirSync, renameSync, rmSync, utimesSync } from 'node:fs'
import { join } from 'node:path'
import type { SystemPath } from '../../../policy/host-facts.ts'
import { makeDirectory } from '../../../system/make-directory.ts'
import { holding, tryHold } from '../../../system/mutex.ts'
import type { Places } from '../../../system/places.ts'
import { writeWhole } from '../../../system/write-whole.ts'
import { removeLeft } from './left.ts'
import type { Drive } from './server-rules.ts'
import type { ServerUp } from './server-up.ts'
import type { Shape } from './shape.ts'
import { memoryName, stateName, takeFrom } from './taken.ts'

/** Where templates lie: each came there by one rename, and all can be lost without harm. */
export interface TemplateStore {
  readonly root: string
  readonly staging: string
  readonly mutexes: string
}

export function templateStore({ cache }: Pick<Places, 'cache'>): TemplateStore {
  const root = join(cache, 'templates')
  return { root, staging: join(root, 'staging'), mutexes: join(root, 'mutexes') }
}

/** What is known of a template, `KEY/template.json`. */
export interface TemplateRecord {
  readonly schema: 'glovebox/template/1'
  readonly key: string
  readonly level: 'boot' | 'server'
  /** `QEMU 7.2.22, software emulation` */
  readonly vmm: string
  /** Digest of the image. */
  readonly image: string
  readonly shape: Shape
  /** What of a sandbox's read-only system its root has. */
  readonly system: readonly SystemPath[]
  /** Of level `server`: what became of the start whose program is in it. */
  readonly server?: ServerUp
  /** The file that its guest has mounted, and each clone is given; null where it has none mounted. */
  readonly drive?: Drive | null
  readonly takenAt: string
  /** SHA-256 of the state; the memory is too large to be read at each start, so its stamp stands for it. */
  readonly stateSha256: string
  /** Size, modification and change time in nanoseconds, inode. Nobody but the kernel sets a change time. */
  readonly memoryStamp: readonly string[]
}

export interface Template {
  readonly record: TemplateRecord
  /** Has `memory` and `state`; what is known of them is not in it. */
  readonly directory: string
}

export interface ListedTemplate extends Template {
  readonly usedMs: number
  /** On the disk. */
  readonly bytes: number
}

export type NewTemplate = Pick<TemplateRecord, 'level' | 'vmm' | 'image' | 'shape' | 'system' | 'server' | 'drive'>

const recordName = 'template.json'
/** Of a template: what the VMMs of its clones may see. The record is beside it. */
const machineName = 'machine'
/** In staging: what the VMM sees, and writes to, that it is made in; and what of that becomes the template. */
const [makingName, wholeName] = ['making', 'whole']
/** In place of a key: of what is being removed. */
const gone = 'gone'

/** More than one user has shapes; what was not used for longest goes when a new one is made. */
const kept = 12

/**
 * The template of a key; made when there is none, or none that can be trusted. Two processes that want the same one wait for each other.
 * @param make leaves `memory` and `state` in the directory
 */
export async function provideTemplate(
  store: TemplateStore,
  key: string,
  make: (directory: string) => Promise<NewTemplate>,
  waiting: { readonly signal: AbortSignal; readonly onWait?: () => void },
): Promise<Template> {
  const found = readTemplate(store, key)
  if (found !== undefined) return used(store, found)
  return holding(store.mutexes, key, waiting, async () => {
    const another = readTemplate(store, key)
    if (another !== undefined) return used(store, another)
    reap(store, key)
    const name = `${key}~${randomBytes(6).toString('hex')}`
    const staged = join(store.staging, name)
    const making = join(staged, makingName)
    makeDirectory(making)
    try {
      const made = await make(making)
      const whole = join(staged, wholeName)
      takeFrom(making, join(whole, machineName), made.shape)
      return publish(store, key, whole, made)
    } finally {
      removeLeft(store.staging, name)
    }
  })
}

/** Undefined where there is none, and for one that is not what was made: it is made again then. */
export function readTemplate(store: TemplateStore, key: string): Template | undefined {
  const directory = join(store.root, key, machineName)
  try {
    const record = JSON.parse(readFileSync(join(store.root, key, recordName), 'utf8')) as TemplateRecord
    const isWhole =
      record.schema === 'glovebox/template/1' &&
      record.key === key &&
      record.stateSha256 === sha256Of(join(directory, stateName)) &&
      // One that was taken too early, which earlier versions kept.
      lstatSync(join(directory, stateName)).size > 0 &&
      String(record.memoryStamp) === String(stampOf(join(directory, memoryName)))
    return isWhole ? { record, directory } : undefined
  } catch (error) {
    // Of an interrupted purge, or cut off by a full disk.
    if (error instanceof SyntaxError || isMissing(error)) return undefined
    throw error
  }
}

/** Every one that can be used, the last used first. */
export function listTemplates(
  store: TemplateStore,
): (Template & { readonly usedMs: number; readonly bytes: number })[] {
  return keysIn(store)
    .flatMap((key) => readTemplate(store, key) ?? [])
    .map((template) => {
      const whole = join(store.root, template.record.key)
      return { ...template, usedMs: lstatSync(join(whole, recordName)).mtimeMs, bytes: bytesOf(whole) }
    })
    .toSorted((a, b) => b.usedMs - a.usedMs)
}

/** Removes templates; sandboxes that go on from one keep what they have of it. Returns the bytes that came free. */
export function purgeTemplates(
  store: TemplateStore,
  which: (key: string) => boolean,
): { count: number; bytes: number } {
  reap(store)
  let [count, bytes] = [0, 0]
  for (const key of keysIn(store).filter(which)) {
    const directory = join(store.root, key)
    bytes += bytesOf(directory)
    count += 1
    remove(store, directory)
  }
  return { count, bytes }
}

function publish(store: TemplateStore, key: string, whole: string, made: NewTemplate): Template {
  const [memory, state] = [memoryName, stateName].map((name) => join(whole, machineName, name)) as [string, string]
  chmodSync(state, 0o400)
  const record: TemplateRecord = {
    schema: 'glovebox/template/1',
    key,
    ...made,
    takenAt: new Date().toISOString(),
    stateSha256: sha256Of(state),
    memoryStamp: stampOf(memory),
  }
  writeWhole(join(whole, recordName), `${JSON.stringify(record)}\n`, 0o400)
  const directory = join(store.root, key)
  remove(store, directory) // one that could not be used
  renameSync(whole, directory)
  evict(store)
  return { record, directory: join(directory, machineName) }
}

/** Out of the way by one rename first, so that nobody finds half of it. */
function remove(store: TemplateStore, directory: string): void {
  const away = join(store.staging, `${gone}~${randomBytes(6).toString('hex')}`)
  makeDirectory(store.staging)
  try {
    renameSync(directory, away)
  } catch (error) {
    if (isMissing(error)) return
    throw error
  }
  rmSync(away, { recursive: true, force: true })
}

function evict(store: TemplateStore): void {
  for (const { record } of listTemplates(store).slice(kept)) remove(store, join(store.root, record.key))
}

/** Removes what killed processes left: a directory in the making whose key nobody else holds. */
function reap(store: TemplateStore, ours?: string): void {
  for (const name of namesIn(store.staging)) {
    const [key = ''] = name.split('~')
    if (key !== ours && key !== gone) {
      using maker = tryHold(store.mutexes, key)
      if (maker === undefined) continue
    }
    removeLeft(store.staging, name)
  }
}

function used(store: TemplateStore, template: Template): Template {
  const now = new Date()
  utimesSync(join(store.root, template.record.key, recordName), now, now)
  return template
}

function keysIn(store: TemplateStore): string[] {
  return namesIn(store.root).filter((name) => /^[0-9a-f]{64}$/.test(name))
}

/** What it takes on the disk: most of the memory is holes. */
function bytesOf(directory: string): number {
  const files = [directory, join(directory, machineName)].flatMap((each) =>
    namesIn(each).map((name) => join(each, name)),
  )
  return files.reduce((sum, path) => sum + (lstatSync(path, { throwIfNoEntry: false })?.blocks ?? 0) * 512, 0)
}

function stampOf(path: string): string[] {
  const { size, mtimeNs, ctimeNs, ino } = lstatSync(path, { bigint: true })
  return [size, mtimeNs, ctimeNs, ino].map(String)
}

function sha256Of(path: string): string {
  return createHash('sha256').update(readFileSync(path)).digest('hex')
}

function namesIn(directory: string): string[] {
  try {
    return readdirSync(directory)
  } catch (error) {
    if (isMissing(error)) return []
    throw error
  }
}

function isMissing(error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ENOENT'
}
