import { GloveboxError } from '../../errors.ts'
import type { Inside } from '../../inside/client.ts'
import { bootGuest } from './boot-guest.ts'
import { emptyGiven } from './image/given.ts'
import { stageImage, startStaging } from './image/store.ts'
import { makeInitrd } from './image/initrd.ts'
import type { MicrovmHost } from './microvm-host.ts'
import { bootPatience, hearGuest } from './vmm/guest.ts'
import { inspectGuestSystem } from './vmm/guest-system.ts'
import { killOn } from './vmm/kill-on.ts'
import type { MachineParts } from './vmm/machine.ts'
import type { Shape } from './vmm/shape.ts'
import { templateKey, type TemplateParts } from './vmm/template-key.ts'
import { provideTemplate, type NewTemplate, type Template } from './vmm/template-store.ts'

export interface TemplateProgress {
  /** A guest is being booted for it; it takes seconds, and the next start takes none of them. */
  readonly onBoot?: () => void
  /** Another process boots it. */
  readonly onWait?: () => void
}

/** The template that a machine of this shape is cloned from, at level `boot`: the inside answers, and nothing else has run. */
export async function bootTemplate(
  host: MicrovmHost,
  shape: Shape,
  signal: AbortSignal,
  progress: TemplateProgress = {},
): Promise<Template> {
  const make = async (directory: string): Promise<NewTemplate> => bootInto(host, shape, directory, signal)
  return provide(host, { level: 'boot', shape }, signal, { progress, make })
}

/** The template of this host and these parts; made where there is none. */
export async function provide(
  host: MicrovmHost,
  parts: Pick<TemplateParts, 'level' | 'shape' | 'server'>,
  signal: AbortSignal,
  { make, progress }: { make: (directory: string) => Promise<NewTemplate>; progress: TemplateProgress },
): Promise<Template> {
  const { files } = host.image.record
  const key = templateKey({
    kernel: files.kernel.sha256,
    modules: files.modules.sha256,
    inside: host.inside.sha256,
    root: files.root.sha256,
    vmm: host.vmm.identity,
    ...parts,
  })
  const waiting = { signal, ...(progress.onWait && { onWait: progress.onWait }) }
  return provideTemplate(
    host.templates,
    key,
    async (directory) => {
      progress.onBoot?.()
      return make(directory)
    },
    waiting,
  )
}

/** What a machine is booted with, whatever it runs on. */
type BootHost = Pick<MicrovmHost, 'vmm' | 'image' | 'images' | 'inside' | 'places'>

/** What a machine of this host and shape is made of; `given` is the template's own, which nothing is on. */
export function machineParts(host: Omit<BootHost, 'vmm'>, shape: Shape): MachineParts {
  const { image, images, inside } = host
  return {
    shape,
    kernel: image.kernel,
    initrd: makeInitrd(images, image, inside.path, inside.sha256),
    root: image.root,
    given: emptyGiven(images),
  }
}

async function bootInto(host: MicrovmHost, shape: Shape, directory: string, signal: AbortSignal): Promise<NewTemplate> {
  const parts = machineParts(host, shape)
  const booted = bootGuest(host.vmm, parts, directory, signal)
  const { machine, inside } = await booted.catch((error: unknown): never => {
    throw signal.aborted ? error : ofOwnKernel(error, host)
  })
  const unheard = killOn(signal, machine)
  try {
    const system = await inspectGuestSystem(inside)
    await leave(inside)
    await machine.freeze()
    return { level: 'boot', vmm: host.vmm.name, image: host.image.record.digest, shape, system }
  } catch (error) {
    throw signal.aborted ? signal.reason : ofOwnKernel(error, host)
  } finally {
    unheard()
    await machine.kill()
  }
}

const trialShape: Shape = { memoryBytes: 256 * 1024 ** 2, vcpus: 1 }

/** Boots a machine until its inside answers for the first time, and keeps nothing of it. @throws GloveboxError, or the reason of the abort */
export async function bootAndLeave(host: BootHost, signal: AbortSignal): Promise<void> {
  await using own = stageImage(startStaging(host.places))
  const machine = await host.vmm.boot(machineParts(host, trialShape), own.directory, signal)
  const unheard = killOn(signal, machine)
  try {
    await hearGuest(machine, bootPatience)
  } catch (error) {
    throw signal.aborted ? signal.reason : error
  } finally {
    unheard()
    await machine.kill()
  }
}

/** A kernel of the user's own may lack what a guest of ours is reached by; its console has said so, if it has one. */
function ofOwnKernel(error: unknown, { image }: MicrovmHost): unknown {
  if (!(error instanceof GloveboxError) || error.code === 'HOST_CANNOT' || image.record.kernelPackage !== null)
    return error
  return new GloveboxError(error.code, `${error.message} (a kernel of your own: ${image.record.kernelVersion})`, {
    cause: error,
    fix: 'use a kernel with virtio over MMIO, virtio-blk, virtio-console, erofs, overlay, initrd and the serial console, built in or as modules in /lib/modules',
  })
}

/** No connection is under way in a template. */
export async function leave(inside: Inside): Promise<void> {
  inside.close()
  await inside.connection.closed
}
