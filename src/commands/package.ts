import type { Command } from 'commander'
import type { Installed } from '../packages/install.ts'

interface JsonFlag {
  readonly json?: boolean
}

interface InstallFlags extends JsonFlag {
  readonly lock?: string
  readonly frozen?: boolean
  readonly allowScripts?: readonly string[]
}

interface UpdateFlags extends JsonFlag {
  readonly yes?: boolean
  readonly tools: boolean
}

export function register(program: Command): void {
  const command = program
    .command('package')
    .summary('what npx and uvx servers are pinned to and started from')
    .description(
      'A package is a server’s software, resolved once to exact versions with hashes and installed in a store of its own.',
    )
    .addHelpText(
      'after',
      '\nExamples:\n  glovebox package install -- npx -y @modelcontextprotocol/server-filesystem\n  glovebox package update --yes\n  glovebox package lock -- uvx mcp-server-git',
    )
  command
    .command('list')
    .description('what is pinned and installed')
    .option('--json', 'one JSON document')
    .exitOverride()
    .addHelpText('after', '\nExample:\n  glovebox package list --json\n')
    .action(list)
  command
    .command('show')
    .description('versions, hashes, executables and install scripts of a package')
    .argument('<name>', 'its name, its key, or as it is pinned')
    .option('--json', 'one JSON document')
    .exitOverride()
    .addHelpText('after', '\nExample:\n  glovebox package show @modelcontextprotocol/server-filesystem\n')
    .action(show)
  command
    .command('install')
    .description('install what a command means ahead of its first start, or what a lock file has')
    .argument('[command...]', 'the command as a client has it')
    .passThroughOptions()
    .option('--lock <file>', 'take the versions from this lock file')
    .option('--frozen', 'install nothing that the lock file does not have')
    .option(
      '--allow-scripts <name>',
      'run the install scripts of this package, in a jail without a network (repeat)',
      each,
    )
    .option('--json', 'one JSON document')
    .exitOverride()
    .addHelpText('after', '\nExample:\n  glovebox package install -- npx -y @modelcontextprotocol/server-filesystem\n')
    .action(install)
  command
    .command('lock')
    .description('write the versions of a command to a lock file, to be committed and run elsewhere with --frozen')
    .argument('<command...>', 'the command as a client has it')
    .passThroughOptions()
    .option('--lock <file>', 'the file', 'glovebox.lock')
    .option('--json', 'one JSON document')
    .exitOverride()
    .addHelpText('after', '\nExample:\n  glovebox package lock -- uvx mcp-server-git\n')
    .action(lock)
  command
    .command('update')
    .description('show what newer versions would change; --yes applies it')
    .argument('[name]', 'one package; all by default')
    .option('-y, --yes', 'apply what is shown')
    .option('--no-tools', 'do not start both versions to compare their tools')
    .option('--json', 'one JSON document')
    .exitOverride()
    .addHelpText('after', '\nExample:\n  glovebox package update --yes\n')
    .action(update)
  command
    .command('purge')
    .description('remove packages from the store; without a name those that nothing is pinned to')
    .argument('[name]', 'one package')
    .option('--all', 'all of them')
    .option('--forget', 'also forget the versions: the next start resolves anew')
    .option('--json', 'one JSON document')
    .exitOverride()
    .addHelpText('after', '\nExample:\n  glovebox package purge\n')
    .action(purge)
  command
    .command('check')
    .description(
      'ask the registry for known vulnerabilities of the versions that are pinned; exit code 4 when there are any',
    )
    .argument('[name]', 'one package; all by default')
    .option('--json', 'one JSON document')
    .exitOverride()
    .addHelpText('after', '\nExample:\n  glovebox package check\n')
    .action(check)
  command
    .command('verify')
    .description('compare every file with what was installed; exit code 4 when one differs')
    .argument('[name]', 'one package; all by default')
    .option('--json', 'one JSON document')
    .exitOverride()
    .addHelpText('after', '\nExample:\n  glovebox package verify\n')
    .action(verify)
}

const each = (value: string, before: readonly string[] | undefined): string[] => [...(before ?? []), value]

async function list({ json }: JsonFlag): Promise<void> {
  const { listPackages, storeBytes } = await import('../packages/manage/list.ts')
  const { renderPackages, packageJson } = await import('../ui/packages.ts')
  const { store, style } = await surroundings()
  const packages = listPackages(store)
  const bytes = storeBytes(store)
  if (json === true) return print('package list', { packages: packages.map(packageJson), storeBytes: bytes })
  process.stdout.write(renderPackages(packages, bytes, style))
}

async function show(name: string, { json }: JsonFlag): Promise<void> {
  const { readResolution } = await import('../packages/pin.ts')
  const { renderPackage, packageJson } = await import('../ui/packages.ts')
  const { store, style } = await surroundings()
  const found = await packagesNamed(name)
  const described = found.map((each) => ({
    each,
    resolution: readResolution(store, each.record?.resolution ?? each.pins[0]?.resolution ?? ''),
  }))
  if (json === true) {
    const packages = described.map(({ each, resolution }) => ({
      ...packageJson(each),
      versions: resolution?.entries ?? [],
    }))
    return print('package show', { packages })
  }
  process.stdout.write(described.map(({ each, resolution }) => renderPackage(each, resolution, style)).join('\n'))
}

async function install(words: readonly string[], flags: InstallFlags): Promise<void> {
  const { installAhead, installLocked } = await import('../packages/manage/ahead.ts')
  const { options } = await surroundings()
  const frozen = flags.frozen === true
  const lock = flags.lock === undefined && !frozen ? undefined : { path: flags.lock ?? 'glovebox.lock', frozen }
  if (words.length === 0 && lock === undefined) {
    const { GloveboxError } = await import('../errors.ts')
    throw new GloveboxError('USAGE', 'package install: it is not said what to install', {
      fix: 'a command as a client has it (npx -y NAME, uvx NAME), or --frozen for all that glovebox.lock has',
    })
  }
  const installed =
    words.length === 0 && lock !== undefined
      ? await installLocked(lock, options)
      : [await installAhead(words, { ...options, lock, allowScripts: flags.allowScripts })]
  if (flags.json === true) return print('package install', { packages: installed.map(({ record }) => record) })
  for (const { record } of installed)
    process.stdout.write(`${record.roots.map(({ name, version }) => `${name} ${version}`).join(', ')} is installed\n`)
}

async function lock(words: readonly string[], flags: JsonFlag & { readonly lock: string }): Promise<void> {
  const { lockCommand } = await import('../packages/manage/ahead.ts')
  const { options } = await surroundings()
  const { roots } = await lockCommand(words, flags.lock, options)
  if (flags.json === true) return print('package lock', { lock: flags.lock, roots })
  process.stdout.write(`${flags.lock} has ${roots.map(({ name, version }) => `${name} ${version}`).join(', ')}\n`)
}

async function update(name: string | undefined, flags: UpdateFlags): Promise<void> {
  const { updateAll } = await import('../packages/manage/update.ts')
  const { renderUpdates } = await import('../ui/packages.ts')
  const { options, style } = await surroundings()
  const pins = (await packagesNamed(name)).flatMap((each) => each.pins).filter(({ locked }) => locked !== true)
  const compare = flags.tools ? await toolComparison() : undefined
  const updates = await updateAll(pins, options, { apply: flags.yes === true, compare })
  if (flags.json === true) {
    const shown = updates.map(({ pin, diff, tools }) => ({
      request: pin.request,
      roots: pin.roots,
      diff: diff ?? null,
      tools,
    }))
    return print('package update', { applied: flags.yes === true, updates: shown })
  }
  process.stdout.write(renderUpdates(updates, flags.yes === true, style))
}

/** A server that is started by a client has to answer within 10 s; here two are started at once. */
async function toolComparison() {
  const { compareTools } = await import('../packages/manage/compare-tools.ts')
  return async (before: Installed, after: Installed) => compareTools(before, after, { patienceMs: 15_000 })
}

async function purge(
  name: string | undefined,
  flags: JsonFlag & { readonly all?: boolean; readonly forget?: boolean },
): Promise<void> {
  const { purge: remove } = await import('../packages/manage/purge.ts')
  const { formatBytes } = await import('../policy/sizes.ts')
  const { store } = await surroundings()
  const all = await packagesNamed(name)
  const chosen =
    name !== undefined || flags.all === true
      ? all
      : all.filter(({ pins, ecosystem }) => pins.length === 0 && ecosystem !== 'mcpb')
  const purged = remove(store, chosen, { forget: flags.forget === true })
  if (flags.json === true) return print('package purge', { ...purged })
  process.stdout.write(`${purged.removed.length} removed, ${formatBytes(purged.bytes)} free\n`)
  for (const key of purged.kept) process.stderr.write(`glovebox: ${key} is in use and was kept\n`)
}

async function check(name: string | undefined, { json }: JsonFlag): Promise<void> {
  const [{ lookForAdvisories }, { readResolution }, { renderAdvisories }, { exitCodes }] = await Promise.all([
    import('../packages/manage/advisories.ts'),
    import('../packages/pin.ts'),
    import('../ui/packages.ts'),
    import('../errors.ts'),
  ])
  const { store, options, style } = await surroundings()
  const checked = []
  for (const each of await packagesNamed(name)) {
    const resolution = readResolution(store, each.pins[0]?.resolution ?? each.record?.resolution ?? '')
    if (resolution !== undefined) checked.push({ each, looked: await lookForAdvisories(resolution, options) })
  }
  const found = checked.some(({ looked }) => looked.looked && looked.advisories.length > 0)
  if (found) process.exitCode = exitCodes.refused
  else if (checked.some(({ looked }) => !looked.looked)) process.exitCode = exitCodes.failed
  if (json === true) {
    const packages = checked.map(({ each, looked }) => ({ name: each.name, version: each.version, ...looked }))
    return print('package check', { packages })
  }
  process.stdout.write(renderAdvisories(checked, style))
}

async function verify(name: string | undefined, { json }: JsonFlag): Promise<void> {
  const { verifyContents } = await import('../packages/store/verify-contents.ts')
  const { store } = await surroundings()
  const records = (await packagesNamed(name)).flatMap(({ record }) => (record === undefined ? [] : [record]))
  for (const record of records) verifyContents(store, record)
  if (json === true) return print('package verify', { verified: records.map(({ key }) => key) })
  process.stdout.write(`${records.length} packages are what was installed, file by file\n`)
}

/** @throws GloveboxError USAGE when a name was given and nothing has it */
async function packagesNamed(name: string | undefined) {
  const [{ findPackages }, { GloveboxError }] = await Promise.all([
    import('../packages/manage/list.ts'),
    import('../errors.ts'),
  ])
  const found = findPackages((await surroundings()).store, name)
  if (found.length > 0 || name === undefined) return found
  throw new GloveboxError('USAGE', `no package "${name}" is pinned or installed`, {
    fix: 'glovebox package list shows those that are',
  })
}

async function surroundings() {
  const [{ places }, { styleFor }, { storeIn }] = await Promise.all([
    import('../system/places.ts'),
    import('../ui/style.ts'),
    import('../packages/store/store.ts'),
  ])
  const store = storeIn(places(process.env).data)
  const progress = (line: string): void => void process.stderr.write(`glovebox: ${line}\n`)
  const options = { store, env: process.env, offline: false, progress }
  return { store, options, style: styleFor(process.stdout, process.env) }
}

function print(verb: string, body: object): void {
  process.stdout.write(`${JSON.stringify({ schema: `glovebox/${verb.replace(' ', '-')}/1`, ...body })}\n`)
}
