import { readFileSync } from 'node:fs'
import { release } from 'node:os'
import { askedAccelerator } from '../../config/machine-settings.ts'
import { sha256 } from '../../packages/canonical.ts'
import { findInside } from '../../system/native.ts'
import { places } from '../../system/places.ts'
import { chooseAccelerator, type Accelerated } from './accelerator.ts'
import { ownArchitecture } from './architecture.ts'
import { bootAndLeave } from './boot-template.ts'
import { imageForStart } from './image/ensure.ts'
import { imageStore } from './image/store.ts'
import { kvmTrial } from './kvm-trial.ts'
import { fileStamp, openMemo } from './memo.ts'
import { findQemu, qemuAt, versionOf } from './qemu/find.ts'
import { qemuVmm } from './qemu/machine.ts'
import { processorName, readCpuinfo, steadyTscKhz } from './qemu/processor.ts'
import type { MicrovmHost } from './microvm-host.ts'
import type { Vmm } from './vmm/machine.ts'
import { templateStore } from './vmm/template-store.ts'

/**
 * @param asked `mayBuild`: an image that is missing is built where somebody waits for it
 * @throws GloveboxError HOST_CANNOT naming what is missing and how to get it
 */
export async function findMicrovmHost(
  env: NodeJS.ProcessEnv,
  asked: { readonly mayBuild: boolean; readonly signal: AbortSignal },
): Promise<MicrovmHost> {
  const architecture = ownArchitecture()
  const wanted = await askedAccelerator(env)
  const inside = findInside(env)
  const at = places(env)
  const memo = openMemo(at)
  const path = findQemu(env, architecture)
  const version = await memo.of('qemu', fileStamp(path), async () => versionOf(path))
  const insideSha256 = await memo.of('inside', fileStamp(inside), () => sha256(readFileSync(inside)))
  const images = imageStore(at)
  const cpuinfo = readCpuinfo()
  const tscKhz = await steadyTscKhz(memo, cpuinfo)
  const processor = processorName(cpuinfo)
  const qemu = qemuAt(path, version)
  const image = await imageForStart(images, env, asked)
  const rest = {
    env,
    places: at,
    image,
    images,
    templates: templateStore(at),
    inside: { path: inside, sha256: insideSha256 },
  }
  const on = (accelerator: Accelerated['accelerator']): Vmm =>
    qemuVmm({ inside, qemu, architecture, accelerator, tscKhz, processor, hostKernel: release() })
  const accelerated = await chooseAccelerator(
    wanted,
    kvmTrial({
      places: at,
      about: [
        fileStamp(path),
        processor,
        image.record.files.kernel.sha256,
        image.record.files.root.sha256,
        insideSha256,
      ],
      boot: async (signal) => bootAndLeave({ ...rest, vmm: on('kvm') }, signal),
      signal: asked.signal,
      onLong: () =>
        void process.stderr.write('glovebox: trying whether a virtual machine runs on KVM; once on this host\n'),
    }),
  )
  return { ...rest, vmm: on(accelerated.accelerator), accelerated }
}
