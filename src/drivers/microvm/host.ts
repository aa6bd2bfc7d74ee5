import { readFileSync } from 'node:fs'
import { release } from 'node:os'
import { machineSettings, type MachineSettings } from '../../config/machine-settings.ts'
import { GloveboxError } from '../../errors.ts'
import type { AccelName, OwnMachine, VmmName } from '../../policy/plan.ts'
import { findInside } from '../../system/native.ts'
import { places } from '../../system/places.ts'
import { realPlaces } from '../../system/real-places.ts'
import { sha256 } from '../../system/sha256.ts'
import { chooseAccelerator, type Accelerated, type KvmTrial, type Refusal } from './accelerator.ts'
import { ownArchitecture } from './architecture.ts'
import { bootAndLeave } from './boot-template.ts'
import { findFirecracker, firecrackerAt, firecrackerSays, readVersion, type Firecracker } from './firecracker/find.ts'
import { firecrackerVmm } from './firecracker/machine.ts'
import { imageForStart, type MayBuild } from './image/ensure.ts'
import { imageStore } from './image/store.ts'
import { kvmTrial } from './kvm-trial.ts'
import { fileStamp, openMemo, type Memo } from './memo.ts'
import { findQemu, qemuAt, versionOf } from './qemu/find.ts'
import { qemuVmm } from './qemu/machine.ts'
import { processorName, readCpuinfo, steadyTscKhz } from './qemu/processor.ts'
import type { MicrovmHost } from './microvm-host.ts'
import { chooseVmm, type ChosenVmm } from './vmm-choice.ts'
import type { Vmm } from './vmm/machine.ts'
import { inPath } from './vmm/program.ts'
import { templateStore } from './vmm/template-store.ts'

export interface AskedHost {
  readonly mayBuild: MayBuild
  /** What a machine is made of instead of our own. */
  readonly machine?: OwnMachine | undefined
  readonly signal: AbortSignal
  /** By name, for this start. */
  readonly vmm?: VmmName | undefined
  readonly accel?: AccelName | undefined
}

/** @throws GloveboxError HOST_CANNOT naming what is missing and how to get it */
export async function findMicrovmHost(env: NodeJS.ProcessEnv, asked: AskedHost): Promise<MicrovmHost> {
  const architecture = ownArchitecture()
  const own = await machineSettings(env)
  const settings = { ...own, accel: asked.accel ?? own.accel }
  const wanted = asked.vmm ?? settings.vmm
  const inside = findInside(env)
  const at = realPlaces(places(env))
  const memo = openMemo(at)
  const here = await firecrackerHere(env, memo, { ...settings, vmm: wanted })
  const [found, notFirecracker] = here === undefined || 'path' in here ? [here] : [undefined, here]
  // Before an image is built for it.
  if (found === undefined) findQemu(env, architecture)
  const insideSha256 = await memo.of('inside', fileStamp(inside), () => sha256(readFileSync(inside)))
  const images = imageStore(at)
  const image = await imageForStart(images, env, { ...asked, memo })
  // Once: on a host of many processors the kernel asks each of them.
  const cpuinfo = readCpuinfo()
  const processor = processorName(cpuinfo)
  const hostKernel = release()
  const { kernel, root } = image.record.files
  const rest = {
    env,
    places: at,
    image,
    images,
    templates: templateStore(at),
    inside: { path: inside, sha256: insideSha256 },
  }
  const trialOf = (vmm: VmmName, path: string, on: Vmm): KvmTrial =>
    kvmTrial({
      vmm,
      places: at,
      about: [fileStamp(path), processor, kernel.sha256, root.sha256, insideSha256],
      boot: async (signal) => bootAndLeave({ ...rest, vmm: on }, signal),
      signal: asked.signal,
      onLong: () => tellOfTrial(on),
    })
  const qemu = async (): Promise<ChosenVmm> => {
    const path = findQemu(env, architecture)
    const version = await memo.of('qemu', fileStamp(path), async () => versionOf(path))
    const tscKhz = await steadyTscKhz(memo, cpuinfo)
    const on = (accelerator: Accelerated['accelerator']): Vmm =>
      qemuVmm({ inside, qemu: qemuAt(path, version), architecture, accelerator, tscKhz, processor, hostKernel })
    const accelerated = await chooseAccelerator(settings.accel, trialOf('qemu', path, on('kvm')))
    return { vmm: on(accelerated.accelerator), accelerated }
  }
  const firecracker =
    found && firecrackerVmm({ inside, firecracker: found, processor, hostKernel, kernels: images.kernels })
  const chosen = await chooseVmm(
    { vmm: wanted, accel: settings.accel },
    {
      firecracker: found && firecracker && { vmm: firecracker, trial: trialOf('firecracker', found.path, firecracker) },
      qemu,
    },
  )
  return { ...rest, ...(notFirecracker && { notFirecracker }), ...chosen, firecracker: found }
}

/**
 * Undefined where it is not wanted or not there; a refusal for one that is in PATH by chance, and of no use.
 * @throws GloveboxError where it is asked for, or a path to it is written down, and it is not there or of no use
 */
async function firecrackerHere(
  env: NodeJS.ProcessEnv,
  memo: Memo,
  { vmm, accel, firecracker: given }: MachineSettings,
): Promise<Firecracker | Refusal | undefined> {
  if (vmm === 'qemu') return undefined
  const isNamed = vmm === 'firecracker' || given !== undefined
  if (vmm !== 'firecracker' && (accel === 'tcg' || (!isNamed && inPath(env, 'firecracker') === undefined)))
    return undefined
  try {
    const path = findFirecracker(env, given)
    const said = await memo.of('firecracker-said', fileStamp(path), async () => firecrackerSays(path))
    return firecrackerAt(path, readVersion(path, said))
  } catch (error) {
    if (isNamed || !(error instanceof GloveboxError)) throw error
    return { reason: error.message, fix: error.fix }
  }
}

function tellOfTrial({ name }: Vmm): void {
  process.stderr.write(`glovebox: trying whether a virtual machine runs here (${name}); once on this host\n`)
}
