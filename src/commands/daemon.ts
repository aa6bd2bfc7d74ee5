import { Option, type Command } from 'commander'

interface StartFlags {
  readonly foreground?: boolean
  readonly idle?: string
  readonly readyFd?: string
  readonly json?: boolean
}

const defaultIdle = '5m'

export function register(program: Command): void {
  const daemon = program
    .command('daemon')
    .summary('the process that owns launched servers')
    .description(
      `Launched servers belong to one process of this user, which is started when it is needed and ends when it owns nothing
for a while. These verbs are for looking at it.`,
    )
    .addHelpText('after', '\nExamples:\n  glovebox daemon status\n  glovebox daemon stop\n')
  daemon
    .command('start')
    .description('Starts it, unless it runs; --idle holds for one that runs, too.')
    .option('--foreground', 'be it, instead of starting one: for a service manager')
    .option('--idle <duration>', `end after so long without anything to own (default ${defaultIdle})`)
    .addOption(new Option('--ready-fd <fd>').hideHelp())
    .option('--json', 'one JSON document')
    .addHelpText('after', '\nExample:\n  glovebox daemon start --idle 8h\n')
    .action(start)
  daemon
    .command('stop')
    .description('Ends it, and with it all servers that it owns.')
    .option('--json', 'one JSON document')
    .addHelpText('after', '\nExample:\n  glovebox daemon stop\n')
    .action(stop)
  daemon
    .command('status')
    .description('Whether it runs. Exit code 0 when it does, else 1.')
    .option('--json', 'one JSON document')
    .addHelpText('after', '\nExample:\n  glovebox daemon status --json\n')
    .action(status)
}

async function start(flags: StartFlags): Promise<void> {
  if (flags.foreground === true) return serveHere(flags)
  const [{ ensureDaemon }, { renderDaemon }, { parseDuration }] = await Promise.all([
    import('../daemon/contact.ts'),
    import('../ui/daemon.ts'),
    import('../policy/sizes.ts'),
  ])
  // What the daemon itself says about it is in its log only.
  const idleMs = flags.idle === undefined ? undefined : parseDuration(flags.idle, '--idle')
  const daemon = await ensureDaemon(process.env, flags.idle)
  const found = await daemon.info()
  const info = idleMs === undefined || idleMs === found.idleMs ? found : await daemon.setIdle(idleMs)
  process.stdout.write(renderDaemon(info, { json: flags.json === true }))
}

async function serveHere({ idle = defaultIdle, readyFd }: StartFlags): Promise<void> {
  const [{ daemonMain }, { parseDuration }] = await Promise.all([
    import('../daemon/main.ts'),
    import('../policy/sizes.ts'),
  ])
  await daemonMain({
    idleMs: parseDuration(idle, '--idle'),
    readyFd: readyFd === undefined ? undefined : Number(readyFd),
  })
}

async function stop(flags: { readonly json?: boolean }): Promise<void> {
  const [{ stopDaemon }, { places }, { renderDaemonStopped }, { renderTakenOver }] = await Promise.all([
    import('../daemon/contact.ts'),
    import('../system/places.ts'),
    import('../ui/daemon.ts'),
    import('../ui/launched.ts'),
  ])
  const stopped = await stopDaemon(places(process.env))
  if (flags.json !== true) process.stderr.write(renderTakenOver(stopped.stopped))
  process.stdout.write(renderDaemonStopped(stopped, { json: flags.json === true }))
}

async function status(flags: { readonly json?: boolean }): Promise<void> {
  const [{ findDaemon }, { places }, { renderDaemon }] = await Promise.all([
    import('../daemon/contact.ts'),
    import('../system/places.ts'),
    import('../ui/daemon.ts'),
  ])
  const found = await findDaemon(places(process.env))
  const info = await found?.client.info()
  process.stdout.write(renderDaemon(info, { json: flags.json === true }))
  if (info === undefined) process.exitCode = 1
}
