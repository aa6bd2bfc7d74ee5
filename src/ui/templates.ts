import type { ListedTemplate } from '../drivers/microvm/vmm/template-store.ts'
import { formatBytes } from '../policy/sizes.ts'
import type { Style } from './style.ts'
import { table } from './table.ts'

/** Enough of a key to tell templates apart, and to type. */
const shownDigits = 12

export function renderTemplates(templates: readonly ListedTemplate[], style: Style): string {
  if (templates.length === 0) return 'No templates. The first start of a virtual machine makes one.\n'
  const rows = templates.map(({ record, usedMs, bytes }) => [
    record.key.slice(0, shownDigits),
    record.level,
    record.image.slice(0, shownDigits),
    formatBytes(record.shape.memoryBytes),
    String(record.shape.vcpus),
    record.vmm,
    formatBytes(bytes),
    new Date(usedMs).toISOString().slice(0, 16).replace('T', ' '),
  ])
  const titles = ['key', 'level', 'image', 'memory', 'cpus', 'run by', 'on disk', 'last used']
  return `${table([titles.map(style.bold), ...rows])}\n`
}

/** Of `--json`: stable. */
export function templateJson({ record, usedMs, bytes }: ListedTemplate): object {
  const { key, level, image, shape, vmm, takenAt } = record
  return {
    key,
    level,
    image,
    memoryBytes: shape.memoryBytes,
    vcpus: shape.vcpus,
    vmm,
    diskBytes: bytes,
    takenAt,
    lastUsedAt: new Date(usedMs).toISOString(),
  }
}
