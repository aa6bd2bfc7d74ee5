import { GloveboxError } from '../../errors.ts'
import {
  ensureInstalled,
  installPinned,
  loadEcosystem,
  type Ecosystem,
  type Installed,
  type InstallOptions,
} from '../install.ts'
import { packageKey, readResolution, resolutionId, writePin, writeResolution, type Pin } from '../pin.ts'
import type { Resolution } from '../resolution.ts'
import { readRecord } from '../store/record.ts'
import { diffResolutions, isEmpty, type ResolutionDiff } from './diff.ts'
import type { ToolsCompared } from './tool-diff.ts'

/** What a pin would become; nothing is changed before `apply`. */
export interface Update {
  readonly pin: Pin
  /** Undefined: it is what it would be. */
  readonly diff: ResolutionDiff | undefined
  readonly notes: readonly string[]
  /** What changes of the tools of each server; empty when nobody asked. */
  readonly tools: readonly ToolsCompared[]
  apply(): void
}

/** Starts both versions and compares what they say of their tools. */
export type CompareTools = (before: Installed, after: Installed) => Promise<readonly ToolsCompared[]>

/** Resolves a request as if for the first time and compares. */
export async function prepareUpdate(
  pin: Pin,
  options: InstallOptions,
  compare: CompareTools | undefined,
): Promise<Update> {
  const ecosystem = await loadEcosystem(pin.request.ecosystem, options)
  const { resolution, interpreter, notes } = await ecosystem.resolve(pin.request)
  const before = readResolution(options.store, pin.resolution)
  const diff = before === undefined ? everythingNew(resolution) : diffResolutions(before, resolution)
  const next: Pin = {
    ...pin,
    resolution: resolutionId(resolution),
    roots: resolution.roots.map(({ name, version }) => ({ name, version })),
    interpreter,
    at: new Date().toISOString(),
  }
  // What is served under an old name with other contents is not even started to be looked at.
  const isComparable = !isEmpty(diff) && diff.replaced.length === 0
  const write = (): unknown => writeResolution(options.store, resolution)
  return {
    pin,
    diff: isEmpty(diff) ? undefined : diff,
    notes,
    tools:
      compare === undefined || !isComparable ? [] : await toolsOf(pin, next, { ecosystem, options, compare, write }),
    apply() {
      write()
      writePin(options.store, next)
    },
  }
}

/** The new version is installed beside the old one, and pinned to nothing. */
async function toolsOf(
  pin: Pin,
  next: Pin,
  {
    ecosystem,
    options,
    compare,
    write,
  }: { ecosystem: Ecosystem; options: InstallOptions; compare: CompareTools; write: () => unknown },
): Promise<readonly ToolsCompared[]> {
  const server = pin.roots[0]?.name ?? ''
  const before = readRecord(options.store, packageKey(pin))
  if (before === undefined) return [{ server, compared: false, why: 'the version that is pinned is not installed' }]
  try {
    write()
    return await compare({ pin, record: before }, await installPinned(next, ecosystem, options))
  } catch (error) {
    if (!(error instanceof GloveboxError)) throw error
    return [{ server, compared: false, why: error.message }]
  }
}

function everythingNew(resolution: Resolution): ResolutionDiff {
  return diffResolutions({ ...resolution, roots: [], entries: [] }, resolution)
}

/** Prepares the updates of all pins, and applies and installs them when asked to. */
export async function updateAll(
  pins: readonly Pin[],
  options: InstallOptions,
  { apply, compare }: { apply: boolean; compare?: CompareTools | undefined },
): Promise<Update[]> {
  const updates: Update[] = []
  for (const pin of pins) {
    options.progress(`${pin.roots.map(({ name }) => name).join(', ')}: asking for newer versions`)
    const update = await prepareUpdate(pin, options, compare)
    for (const note of update.notes) options.progress(note)
    updates.push(update)
    if (!apply || update.diff === undefined) continue
    refuseReplaced(update.diff)
    update.apply()
    await ensureInstalled(pin.request, options)
  }
  return updates
}

/** A published version never changes; where it did, a person has to look. */
function refuseReplaced({ replaced }: ResolutionDiff): void {
  if (replaced.length === 0) return
  throw new GloveboxError(
    'REFUSED',
    `the registry serves other contents than before under the same version: ${replaced.join(', ')}`,
    {
      fix: 'find out why; then glovebox package purge NAME --forget, and install it anew',
    },
  )
}
