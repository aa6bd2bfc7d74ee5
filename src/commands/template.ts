import type { Command } from 'commander'
import type { TemplateRecord } from '../drivers/microvm/vmm/template-store.ts'

interface ListFlags {
  readonly json?: boolean
}

interface PurgeFlags extends ListFlags {
  readonly all?: boolean
}

export function register(program: Command): void {
  const command = program
    .command('template')
    .summary('started virtual machines that sandboxes are cloned from')
    .description(
      'A template is the memory of a virtual machine that was booted once: made by the first start that needs it, and shared by all later ones.',
    )
    .addHelpText('after', '\nExamples:\n  glovebox template list\n  glovebox template purge')
  command
    .command('list')
    .description('the templates that are there')
    .option('--json', 'one JSON document')
    .exitOverride()
    .addHelpText('after', '\nExample:\n  glovebox template list\n')
    .action(list)
  command
    .command('purge')
    .description(
      'remove templates whose image, or a server’s files, are gone; sandboxes that run from one keep what they have of it',
    )
    .argument('[key]', 'the key, or its beginning')
    .option('--all', 'all of them: the next start boots a machine')
    .option('--json', 'one JSON document')
    .exitOverride()
    .addHelpText('after', '\nExample:\n  glovebox template purge\n')
    .action(purge)
}

async function list({ json }: ListFlags): Promise<void> {
  const { listTemplates } = await import('../drivers/microvm/vmm/template-store.ts')
  const { renderTemplates, templateJson } = await import('../ui/templates.ts')
  const { styleFor } = await import('../ui/style.ts')
  const templates = listTemplates((await stores()).templates)
  if (json === true) return print('template list', { templates: templates.map(templateJson) })
  process.stdout.write(renderTemplates(templates, styleFor(process.stdout, process.env)))
}

async function purge(key: string | undefined, flags: PurgeFlags): Promise<void> {
  const { listTemplates, purgeTemplates } = await import('../drivers/microvm/vmm/template-store.ts')
  const { isDriveThere } = await import('../drivers/microvm/vmm/server-rules.ts')
  const { formatBytes } = await import('../policy/sizes.ts')
  const { templates, hasImage } = await stores()
  const isOfUse = ({ image, drive = null }: TemplateRecord): boolean => hasImage(image) && isDriveThere(drive)
  const kept = new Set(listTemplates(templates).flatMap(({ record }) => (isOfUse(record) ? [record.key] : [])))
  const which = (each: string): boolean =>
    flags.all === true || (key === undefined ? !kept.has(each) : each.startsWith(key))
  const purged = purgeTemplates(templates, which)
  if (key !== undefined && purged.count === 0) {
    const { GloveboxError } = await import('../errors.ts')
    throw new GloveboxError('USAGE', `there is no template "${key}"`, { fix: 'glovebox template list' })
  }
  if (flags.json === true) return print('template purge', purged)
  process.stdout.write(`${purged.count} removed, ${formatBytes(purged.bytes)} free\n`)
}

async function stores() {
  const [{ places }, { imageStore }, { readImage }, { templateStore }] = await Promise.all([
    import('../system/places.ts'),
    import('../drivers/microvm/image/store.ts'),
    import('../drivers/microvm/image/record.ts'),
    import('../drivers/microvm/vmm/template-store.ts'),
  ])
  const at = places(process.env)
  const images = imageStore(at)
  return { templates: templateStore(at), hasImage: (digest: string) => readImage(images, digest) !== undefined }
}

function print(verb: string, document: object): void {
  process.stdout.write(`${JSON.stringify({ schema: `glovebox/${verb.replace(' ', '-')}/1`, ...document }, null, 2)}\n`)
}
