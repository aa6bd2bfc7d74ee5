import type { Command } from 'commander'
import { addPolicyFlags } from '../config/policy-flags.ts'
import { addStartFlags } from '../config/start.ts'
import type { ManyLaunched } from '../runtime/launch-many.ts'
import type { PlacedFlags } from '../runtime/placed-start.ts'

interface ManyFlags extends PlacedFlags {
  readonly server?: string
  readonly batch?: string
  readonly svg?: string
  readonly json?: boolean
}

const defaultBatch = '16'

export function register(program: Command): void {
  const command = program
    .command('launch-many')
    .summary('many sandboxes at once, measured')
    .description(
      `Starts so many sandboxes of one server, shakes hands with each, and tells how long that took and what memory they use
when all are up. Then it ends them. Without a server: one of ours that does nothing.`,
    )
    .argument('<count>', 'how many')
    .argument('[command...]', 'a command and its arguments, behind two dashes')
    .option('--server <name>', 'a configured server, instead of a command')
    .option('--batch <n>', `so many are being started at the same time (default ${defaultBatch})`)
    .option('--name <name>', 'what the record calls them')
    .option('--command <line>', 'the command in one string, split into words; no shell')
    .option('--svg <file>', 'draw the distribution of the latencies')
    .option('--json', 'one JSON document, times in ms and memory in MiB')
  addStartFlags(addPolicyFlags(command), { servers: true })
  command
    .addHelpText(
      'after',
      `
Examples:
  glovebox launch-many 100 --svg latency.svg
  glovebox launch-many 20 --server files --batch 8 --json
  glovebox launch-many 10 --memory 128M -- node server.js

Exit code 1 when one of them failed.`,
    )
    .action((count: string, words: string[], flags: ManyFlags) => launchMany(count, words, flags))
}

async function launchMany(count: string, words: readonly string[], flags: ManyFlags): Promise<void> {
  const [{ launchMany: launch }, { parseCount }, { renderMany }, { shareOf }, { untilSignalled }] = await Promise.all([
    import('../runtime/launch-many.ts'),
    import('../policy/sizes.ts'),
    import('../ui/many.ts'),
    import('../ui/progress.ts'),
    import('../runtime/signals.ts'),
  ])
  const wanted = parseCount(count, 'launch-many')
  const batch = parseCount(flags.batch ?? defaultBatch, '--batch')
  const show = shareOf('launched', process.stderr)
  const named = flags.server === undefined ? words : [flags.server]
  const many = await untilSignalled(async (signal) =>
    launch(named, flags, { count: wanted, batch, signal, onProgress: (done) => show(done / wanted) }),
  )
  process.stdout.write(renderMany(many, { json: flags.json === true, stream: process.stdout }))
  if (flags.svg !== undefined) await draw(flags.svg, many)
  if (many.failures.length > 0) process.exitCode = 1
}

async function draw(file: string, many: ManyLaunched): Promise<void> {
  const [{ latencySvg }, { writeWhole }] = await Promise.all([
    import('../ui/latency-svg.ts'),
    import('../system/write-whole.ts'),
  ])
  const { server, driver, count, batch, launchMs, firstCallMs, failures } = many
  const failed = failures.length === 0 ? 'none failed' : `${failures.length} failed`
  const picture = latencySvg({
    title: `${count} sandboxes of ${server}`,
    subtitle: `driver ${driver}, ${batch} started at a time, ${failed}`,
    series: [
      { name: 'Launch: from the start to the answer to the handshake', valuesMs: launchMs },
      { name: 'First call', valuesMs: firstCallMs },
    ],
  })
  writeWhole(file, picture, 0o644)
}
