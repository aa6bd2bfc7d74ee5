import { GloveboxError } from '../../errors.ts'
import { ensureInstalled, loadEcosystem, type InstallOptions } from '../install.ts'
import { readResolution, writePin, writeResolution, type Pin } from '../pin.ts'
import type { Resolution } from '../resolution.ts'
import { diffResolutions, isEmpty, type ResolutionDiff } from './diff.ts'

/** What a pin would become; nothing is changed before `apply`. */
export interface Update {
  readonly pin: Pin
  /** Undefined: it is what it would be. */
  readonly diff: ResolutionDiff | undefined
  readonly notes: readonly string[]
  apply(): Pin
}

/** Resolves a request as if for the first time and compares. */
export async function prepareUpdate(pin: Pin, options: InstallOptions): Promise<Update> {
  const ecosystem = await loadEcosystem(pin.request.ecosystem, options)
  const { resolution, interpreter, notes } = await ecosystem.resolve(pin.request)
  const before = readResolution(options.store, pin.resolution)
  const diff = before === undefined ? everythingNew(resolution) : diffResolutions(before, resolution)
  return {
    pin,
    diff: isEmpty(diff) ? undefined : diff,
    notes,
    apply() {
      const next: Pin = {
        ...pin,
        resolution: writeResolution(options.store, resolution),
        roots: resolution.roots.map(({ name, version }) => ({ name, version })),
        interpreter,
        at: new Date().toISOString(),
      }
      writePin(options.store, next)
      return next
    },
  }
}

function everythingNew(resolution: Resolution): ResolutionDiff {
  return diffResolutions({ ...resolution, roots: [], entries: [] }, resolution)
}

/** Prepares the updates of all pins, and applies and installs them when asked to. */
export async function updateAll(
  pins: readonly Pin[],
  options: InstallOptions,
  { apply }: { apply: boolean },
): Promise<Update[]> {
  const updates: Update[] = []
  for (const pin of pins) {
    const update = await prepareUpdate(pin, options)
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
