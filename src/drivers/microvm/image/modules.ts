import { GloveboxError } from '../../../errors.ts'

/** A tree of kernel modules, `lib/modules/VERSION`. */
export interface ModuleTree {
  /** File names (`kernel/fs/erofs/erofs.ko`) by what modules are called, with `_` for `-`. */
  readonly files: ReadonlyMap<string, string>
  /** What is part of the kernel itself (`modules.builtin`). */
  readonly builtIn: ReadonlySet<string>
  /** The bytes of one, uncompressed. */
  read(file: string): Buffer
}

export interface LoadedModule {
  readonly name: string
  readonly data: Buffer
}

/** What a guest cannot be reached without, and what Firecracker's guests need, which comes last: loading it costs others nothing to do without. */
export const neededModules: readonly string[] = ['virtio_mmio', 'virtio_blk', 'virtio_console', 'erofs', 'overlay']
export const wantedModules: readonly string[] = ['vmw_vsock_virtio_transport']

interface Choice {
  readonly needed: readonly string[]
  readonly wanted: readonly string[]
}

/**
 * The modules in the order in which they can be loaded: each behind those that it depends on. What a module depends on is
 * in the module itself, where the kernel's build put it (`depends=` in the section `.modinfo`): `modules.dep` is made from
 * symbols by depmod(8) when a package is installed, and ours never is.
 * @throws GloveboxError FAILED for one that is needed, and neither there nor built in
 */
export function modulesInOrder(
  tree: ModuleTree,
  { needed, wanted }: Choice = { needed: neededModules, wanted: wantedModules },
): LoadedModule[] {
  const begun = new Set<string>()
  const order: LoadedModule[] = []
  const visit = (name: string, wantedBy: string | undefined): void => {
    if (begun.has(name) || tree.builtIn.has(name)) return
    begun.add(name)
    const file = tree.files.get(name)
    if (file === undefined) {
      throw new GloveboxError(
        'FAILED',
        `this kernel has no ${name}${wantedBy === undefined ? '' : `, which ${wantedBy} depends on`}`,
        {
          fix: 'use a kernel with virtio over MMIO, virtio-blk, virtio-console, erofs and overlay, built in or as modules',
        },
      )
    }
    const data = tree.read(file)
    for (const each of dependenciesOf(data)) visit(each, name)
    order.push({ name, data })
  }
  for (const name of needed) visit(name, undefined)
  for (const name of wanted) if (tree.files.has(name)) visit(name, undefined)
  return order
}

/** @throws GloveboxError FAILED for what is no module */
export function dependenciesOf(module: Buffer): string[] {
  const key = Buffer.from('\0depends=', 'latin1')
  const at = module.indexOf(key)
  const end = module.indexOf(0, at + key.length)
  if (module.toString('latin1', 1, 4) !== 'ELF' || at < 0 || end < 0) {
    throw new GloveboxError('FAILED', 'a kernel module does not say what it depends on', {
      fix: 'build the image anew',
    })
  }
  const names = module.toString('latin1', at + key.length, end)
  return names === '' ? [] : names.split(',').map(moduleName)
}

/** `virtio-mmio.ko.xz` and `virtio_mmio` are one module. */
export function moduleName(file: string): string {
  const base = file.slice(file.lastIndexOf('/') + 1)
  return base.replace(/\.ko(\.(gz|xz|zst))?$/, '').replaceAll('-', '_')
}
