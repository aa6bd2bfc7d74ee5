import { readFileSync } from 'node:fs'
import { release } from 'node:os'
import { machineSettings, type MachineSettings } from '../../config/machine-settings.ts'
import { sha256 } from '../../packages/canonical.ts'
import type { OwnMachine, VmmName } from '../../policy/plan.ts'
import { findInside } from '../../system/native.ts'
import { places } from '../../system/places.ts'
import { chooseAccelerator, type Accelerated, type KvmTrial } from './accelerator.ts'
import { ownArchitecture } from './architecture.ts'
import { bootAndLeave } from './boot-template.ts'
import { findFirecracker, firecrackerAt, firecrackerVersion, type Firecracker } from './firecracker/find.ts'
import { firecrackerVmm } from './firecracker/machine.ts'
import { imageForStart } from './image/ensure.ts'
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
  /** An image that is missing is built where somebody waits for it. */
  readonly mayBuild: boolean
  /** What a machine is made of instead of our own. */
  readonly machine?: OwnMachine | undefined
  readonly signal: AbortSignal
  /** By name, for this start. */
  readonly vmm?: VmmName | undefined
}

/** @throws GloveboxError HOST_CANNOT naming what is missing and how to get it */
export async function findMicrovmHost(env: NodeJS.ProcessEnv, asked: AskedHost): Promise<MicrovmHost> {
  const architecture = ownArchitecture()
  const settings = await machineSettings(env)
  const wanted = asked.vmm ?? settings.vmm
  const inside = findInside(env)
  const at = places(env)
  const memo = openMemo(at)
  const found = await firecrackerHere(env, memo, { ...settings, vmm: wanted })
  // Before an image is built for it.
  if (found === undefined) findQemu(env, architecture)
  const insideSha256 = await memo.of('inside', fileStamp(inside), () => sha256(readFileSync(inside)))
  const images = imageStore(at)
  const image = await imageForStart(images, env, { ...asked, memo })
  const processor = processorName(readCpuinfo())
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
    const tscKhz = await steadyTscKhz(memo, readCpuinfo())
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
  return { ...rest, ...chosen, firecracker: found }
}

/** @throws GloveboxError where it is asked for, or a path to it is written down, and it is not there or of no use */
async function firecrackerHere(
  env: NodeJS.ProcessEnv,
  memo: Memo,
  { vmm, accel, firecracker: given }: MachineSettings,
): Promise<Firecracker | undefined> {
  if (vmm === 'qemu') return undefined
  const isAsked = vmm === 'firecracker'
  if (!isAsked && (accel === 'tcg' || (given === undefined && inPath(env, 'firecracker') === undefined)))
    return undefined
  const path = findFirecracker(env, given)
  const version = await memo.of('firecracker', fileStamp(path), async () => firecrackerVersion(path))
  return firecrackerAt(path, version)
}

function tellOfTrial({ name }: Vmm): void {
  process.stderr.write(`glovebox: trying whether a virtual machine runs here (${name}); once on this host\n`)
}
