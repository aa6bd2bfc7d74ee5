import type { Places } from '../../system/places.ts'
import type { Accelerated, Refusal } from './accelerator.ts'
import type { Firecracker } from './firecracker/find.ts'
import type { Image } from './image/record.ts'
import type { ImageStore } from './image/store.ts'
import type { Vmm } from './vmm/machine.ts'
import type { TemplateStore } from './vmm/template-store.ts'

/** What of this host a machine is made from. */
export interface MicrovmHost {
  readonly env: NodeJS.ProcessEnv
  readonly places: Places
  readonly vmm: Vmm
  readonly accelerated: Accelerated
  /** Where it is there and can be used, whether it is or not. */
  readonly firecracker: Firecracker | undefined
  /** Why not, where it is there and nobody asked for another. */
  readonly notFirecracker?: Refusal
  readonly image: Image
  readonly images: ImageStore
  readonly templates: TemplateStore
  /** Path of glovebox-inside, and SHA-256 of its contents. */
  readonly inside: { readonly path: string; readonly sha256: string }
}
