import type { Command } from 'commander'

interface ImportFlags {
  readonly user?: boolean
  readonly print?: boolean
  readonly replace?: boolean
  readonly json?: boolean
}

export function register(program: Command): void {
  program
    .command('import')
    .summary('take over the servers of a client’s file')
    .description(
      'Reads a file of Claude, Cursor, VS Code, Windsurf, Zed, Codex, Gemini or Continue, servers.json, isolation_config, a manifest or srt settings; says what it understood of each line; and adds it to the configuration.',
    )
    .argument('<file>', 'the file; it is not changed')
    .option('--user', 'add to your own configuration instead of the project’s')
    .option('--print', 'print the configuration and write nothing; with --json, what it was made of too')
    .option('--replace', 'also replace servers that are there already')
    .option('--json', 'one JSON document')
    .addHelpText('after', '\nExample:\n  glovebox import .vscode/mcp.json\n')
    .action(importServers)
}

async function importServers(file: string, flags: ImportFlags): Promise<void> {
  const [{ importFile }, { renderNotes }, { places }, { styleFor }] = await Promise.all([
    import('../config/import/import-file.ts'),
    import('../ui/import.ts'),
    import('../system/places.ts'),
    import('../ui/style.ts'),
  ])
  const imported = await importFile(file)
  const { format, config, settings, notes } = imported
  const answer = { schema: 'glovebox/import/1', format, config, settings, notes }
  if (flags.print === true && flags.json === true) {
    process.stdout.write(`${JSON.stringify(answer)}\n`)
    return
  }
  if (flags.print === true) {
    process.stderr.write(renderNotes(imported, styleFor(process.stderr, process.env)))
    process.stdout.write(`${JSON.stringify(config, null, 2)}\n`)
    return
  }
  const { writeImport } = await import('../config/import/write.ts')
  const written = await writeImport(imported, {
    cwd: process.cwd(),
    places: places(process.env),
    user: flags.user === true,
    replace: flags.replace === true,
  })
  const { hindrances } = await import('../runtime/hindrances.ts')
  const here = { cwd: process.cwd(), env: process.env, only: written.added }
  const wouldNotStart = written.added.length === 0 ? [] : await hindrances(written.file, here)
  if (flags.json === true) {
    process.stdout.write(`${JSON.stringify({ ...answer, ...written, wouldNotStart })}\n`)
    return
  }
  const [{ renderWritten }, { renderHindrances }] = await Promise.all([
    import('../ui/import.ts'),
    import('../ui/policy.ts'),
  ])
  const style = styleFor(process.stdout, process.env)
  process.stdout.write(`${renderNotes(imported, style)}\n${renderWritten(written)}`)
  process.stdout.write(renderHindrances(wouldNotStart, style))
}
