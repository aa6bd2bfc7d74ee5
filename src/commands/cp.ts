import type { Command } from 'commander'

interface CpFlags {
  readonly json?: boolean
}

export function register(program: Command): void {
  program
    .command('cp')
    .summary('copy files into a running sandbox, or out of it')
    .description(
      'Copies a file or a directory; one side is NAME:PATH. Modes and times are kept, owners and set-id bits are not.',
    )
    .argument('<source>', 'PATH, NAME:PATH, or - for a tar archive on stdin')
    .argument('<destination>', 'PATH, NAME:PATH, or - for a tar archive on stdout')
    .option('--json', 'one JSON document with what was copied')
    .addHelpText(
      'after',
      `
Examples:
  glovebox cp report.csv files:/tmp/
  glovebox cp files:/tmp/result ./result
  glovebox cp ./data/. files:/tmp/data
  tar -c src | glovebox cp - files:/tmp
  glovebox cp files:/tmp/out - | tar -t

A directory that exists is copied into, under the source's name; with /. at the end of the source, what is in it is
copied. A path of this machine that has a colon in it is written ./a:b.`,
    )
    .action(copy)
}

async function copy(source: string, destination: string, flags: CpFlags): Promise<void> {
  const [{ copyBetween }, { renderCopied }, { amountOf }] = await Promise.all([
    import('../runtime/copy/copy.ts'),
    import('../ui/copied.ts'),
    import('../ui/progress.ts'),
  ])
  const progress = amountOf('copied', process.stderr)
  try {
    const { code, copied } = await copyBetween(source, destination, (bytes) => progress.show(bytes))
    progress.clear()
    const { out, err } = renderCopied(copied, { json: flags.json === true, toStdout: destination === '-' })
    process.stdout.write(out)
    process.stderr.write(err)
    process.exitCode = code
  } finally {
    progress.clear()
  }
}
