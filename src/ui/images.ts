import type { Image } from '../drivers/microvm/image/record.ts'
import type { Updated } from '../drivers/microvm/image/update.ts'
import { formatBytes } from '../policy/sizes.ts'
import { shellWord } from './shell-word.ts'
import type { Style } from './style.ts'
import { table } from './table.ts'
import { untrusted } from './untrusted.ts'

/** Enough of a digest to tell images apart, and to type. */
const shownDigits = 12

export function renderImages(images: readonly Image[], style: Style): string {
  if (images.length === 0) return 'No images. `glovebox image build` makes one.\n'
  const rows = images.map(({ record }) => [
    record.digest.slice(0, shownDigits),
    untrusted(record.source.name),
    record.source.kind,
    untrusted(record.kernelVersion),
    record.node?.version ?? '-',
    formatBytes(bytesOf(record.files)),
    record.builtAt.slice(0, 16).replace('T', ' '),
  ])
  const head = ['digest', 'name', 'from', 'kernel', 'node', 'size', 'built'].map(style.bold)
  return `${table([head, ...rows])}\n`
}

export function renderImage({ record }: Image): string {
  const { digest, source, kernelVersion, node, packages, files } = record
  const parts = [
    `kernel ${kernelVersion}`,
    ...(node === null ? [] : [`Node ${node.version}`]),
    ...(packages.length === 0 ? [] : [`${packages.length} packages`]),
    formatBytes(bytesOf(files)),
  ]
  const built = `${untrusted(source.name)} is built as ${digest.slice(0, shownDigits)}: ${untrusted(parts.join(', '))}\n`
  // The recipe's is what machines start from anyway.
  return source.kind === 'recipe'
    ? built
    : `${built}start from it: glovebox exec --image ${shellWord(untrusted(source.name))} -- COMMAND\n`
}

export function renderUpdate({ image, isNew, reasons, changes }: Updated, style: Style): string {
  if (reasons.length === 0) return `${untrusted(image.record.source.name)} is up to date\n`
  const rows = changes.map(({ name, from, to }) => [untrusted(name), untrusted(`${from ?? 'new'} → ${to ?? 'gone'}`)])
  const why = style.dim(`built, because ${reasons.join(' and ')}${isNew ? '' : '; it came out as it was'}`)
  return `${rows.length === 0 ? '' : `${table(rows)}\n`}${why}\n${renderImage(image)}`
}

/** Of `--json`: stable. */
export function imageJson({ record, directory }: Image): object {
  const { digest, source, architecture, kernelVersion, kernelPackage, node, packages, programs, files, builtAt } =
    record
  return {
    digest,
    name: source.name,
    from: source.kind,
    sourceSha256: source.sha256,
    architecture,
    kernelVersion,
    kernelPackage,
    node: node === null ? null : { version: node.version, sha256: node.sha256 },
    packages,
    programs,
    kernelBytes: files.kernel.bytes,
    modulesBytes: files.modules.bytes,
    rootBytes: files.root.bytes,
    builtAt,
    directory,
  }
}

function bytesOf(files: Image['record']['files']): number {
  return Object.values(files).reduce((sum, { bytes }) => sum + bytes, 0)
}
