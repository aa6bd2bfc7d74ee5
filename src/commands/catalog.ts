import type { Command } from 'commander'

export function register(program: Command): void {
  const command = program
    .command('catalog')
    .summary('short names for common servers')
    .description('Servers with a pinned version and the smallest policy that each was seen to work with.')
    .addHelpText('after', '\nExamples:\n  glovebox catalog list\n  glovebox run filesystem ~/notes')
  command
    .command('list')
    .description('all names')
    .option('--json', 'one JSON document')
    .exitOverride()
    .addHelpText('after', '\nExample:\n  glovebox catalog list\n')
    .action(list)
  command
    .command('show')
    .description('one server: its command, its policy, what it needs')
    .argument('<name>', 'its name')
    .option('--json', 'one JSON document')
    .exitOverride()
    .addHelpText('after', '\nExample:\n  glovebox catalog show git\n')
    .action(show)
}

async function list({ json }: { readonly json?: boolean }): Promise<void> {
  const { allEntries } = await import('../packages/catalog/load.ts')
  const entries = allEntries()
  if (json === true) {
    const shown = entries.map(({ check: _test, ...entry }) => entry)
    process.stdout.write(`${JSON.stringify({ schema: 'glovebox/catalog-list/1', entries: shown })}\n`)
    return
  }
  const { renderCatalog } = await import('../ui/catalog.ts')
  const { styleFor } = await import('../ui/style.ts')
  process.stdout.write(renderCatalog(entries, styleFor(process.stdout, process.env)))
}

async function show(name: string, { json }: { readonly json?: boolean }): Promise<void> {
  const [{ findEntry }, { GloveboxError }] = await Promise.all([
    import('../packages/catalog/load.ts'),
    import('../errors.ts'),
  ])
  const entry = findEntry(name)
  if (entry === undefined) {
    throw new GloveboxError('USAGE', `the catalogue has no "${name}"`, {
      fix: 'glovebox catalog list shows its names',
    })
  }
  if (json === true) {
    process.stdout.write(`${JSON.stringify({ schema: 'glovebox/catalog-show/1', entry })}\n`)
    return
  }
  const { renderEntry } = await import('../ui/catalog.ts')
  const { styleFor } = await import('../ui/style.ts')
  process.stdout.write(renderEntry(entry, styleFor(process.stdout, process.env)))
}
