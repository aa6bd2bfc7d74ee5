import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { gunzipSync, zstdDecompressSync } from 'node:zlib'
import { GloveboxError } from '../../../errors.ts'
import { readIfThere } from '../../../packages/store/record.ts'
import { moduleName, type ModuleTree } from './modules.ts'

/** The modules below `lib/modules/VERSION`. */
export function moduleTree(directory: string): ModuleTree {
  const files = new Map<string, string>()
  for (const entry of readdirSync(directory, { recursive: true, withFileTypes: true })) {
    if (!entry.isFile() || !/\.ko(\.\w+)?$/.test(entry.name)) continue
    files.set(moduleName(entry.name), join(entry.parentPath, entry.name))
  }
  const builtIn = readIfThere(join(directory, 'modules.builtin'))?.split('\n') ?? []
  return { files, builtIn: new Set(builtIn.filter((line) => line !== '').map(moduleName)), read: readModule }
}

/** finit_module(2) takes compressed ones only where the kernel was built for it. */
function readModule(file: string): Buffer {
  const bytes = readFileSync(file)
  if (file.endsWith('.ko')) return bytes
  if (file.endsWith('.gz')) return gunzipSync(bytes)
  if (file.endsWith('.zst')) return zstdDecompressSync(bytes)
  throw new GloveboxError('HOST_CANNOT', `${file} is compressed in a way that is not read here`, {
    fix: 'unpack the modules first (xz -d), or use a kernel whose modules are .ko, .ko.gz or .ko.zst',
  })
}
