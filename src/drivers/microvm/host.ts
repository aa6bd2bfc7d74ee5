import { readFileSync } from 'node:fs'
import { sha256 } from '../../packages/canonical.ts'
import type { OwnMachine } from '../../policy/plan.ts'
import { findInside } from '../../system/native.ts'
import { places, type Places } from '../../system/places.ts'
import { ownArchitecture } from './architecture.ts'
import { imageForStart } from './image/ensure.ts'
import type { Image } from './image/record.ts'
import { imageStore, type ImageStore } from './image/store.ts'
import { fileStamp, openMemo } from './memo.ts'
import { findQemu, qemuAt, versionOf } from './qemu/find.ts'
import { qemuVmm } from './qemu/machine.ts'
import { processorName, readCpuinfo, steadyTscKhz } from './qemu/processor.ts'
import type { Vmm } from './vmm/machine.ts'
import { templateStore, type TemplateStore } from './vmm/template-store.ts'

/** What of this host a machine is made from. */
export interface MicrovmHost {
  readonly env: NodeJS.ProcessEnv
  readonly places: Places
  readonly vmm: Vmm
  readonly image: Image
  readonly images: ImageStore
  readonly templates: TemplateStore
  /** Path of glovebox-inside, and SHA-256 of its contents. */
  readonly inside: { readonly path: string; readonly sha256: string }
}

/**
 * @param asked `mayBuild`: an image that is missing is built where somebody waits for it
 * @throws GloveboxError HOST_CANNOT naming what is missing and how to get it
 */
export async function findMicrovmHost(
  env: NodeJS.ProcessEnv,
  asked: { readonly mayBuild: boolean; readonly machine?: OwnMachine | undefined; readonly signal: AbortSignal },
): Promise<MicrovmHost> {
  const architecture = ownArchitecture()
  const inside = findInside(env)
  const at = places(env)
  const memo = openMemo(at)
  const path = findQemu(env, architecture)
  const version = await memo.of('qemu', fileStamp(path), async () => versionOf(path))
  const insideSha256 = await memo.of('inside', fileStamp(inside), () => sha256(readFileSync(inside)))
  const images = imageStore(at)
  const cpuinfo = readCpuinfo()
  return {
    env,
    places: at,
    vmm: qemuVmm({
      inside,
      qemu: qemuAt(path, version),
      architecture,
      accelerator: 'tcg',
      tscKhz: await steadyTscKhz(memo, cpuinfo),
      processor: processorName(cpuinfo),
    }),
    image: await imageForStart(images, env, { ...asked, memo }),
    images,
    templates: templateStore(at),
    inside: { path: inside, sha256: insideSha256 },
  }
}
