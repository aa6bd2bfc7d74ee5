import type { Command } from 'commander'
import type { Progress } from '../drivers/microvm/image/progress.ts'
import type { Recipe } from '../drivers/microvm/image/recipe.ts'
import type { Image } from '../drivers/microvm/image/record.ts'

interface JsonFlag {
  readonly json?: boolean
}

interface BuildFlags extends JsonFlag {
  readonly recipe: string
  readonly from?: string
  readonly name?: string
  readonly kernel?: string
  readonly modules?: string
}

export function register(program: Command): void {
  const command = program
    .command('image')
    .summary('what virtual machines start from')
    .description(
      'An image is a guest kernel and a root filesystem, read-only and shared by all machines that start from it.',
    )
    .addHelpText(
      'after',
      '\nExamples:\n  glovebox image build\n  glovebox image build --from rootfs.tar --name mine\n  glovebox image update',
    )
  command
    .command('build')
    .description('build an image by a recipe, or from a root filesystem of your own')
    .option('--recipe <name>', 'the recipe; of another root filesystem: where its kernel comes from', 'debian')
    .option('--from <path>', 'a directory, a tar archive, what `docker save` wrote, or an image of ext4 or erofs')
    .option('--kernel <file>', 'with --from: a kernel of your own (bzImage, on arm64 Image)')
    .option('--modules <dir>', 'with --kernel: its lib/modules/VERSION; without, all that is needed is built in')
    .option('--name <name>', 'with --from: what it is called, else the name of the file')
    .option('--json', 'one JSON document')
    .exitOverride()
    .addHelpText('after', '\nExample:\n  glovebox image build --from rootfs.tar --name mine\n')
    .action(build)
  command
    .command('list')
    .description('the images that are there')
    .option('--json', 'one JSON document')
    .exitOverride()
    .addHelpText('after', '\nExample:\n  glovebox image list --json\n')
    .action(list)
  command
    .command('update')
    .description('build anew when the recipe, Node or the packages are newer ones by now')
    .option('--recipe <name>', 'the recipe', 'debian')
    .option('--json', 'one JSON document')
    .exitOverride()
    .addHelpText('after', '\nExample:\n  glovebox image update\n')
    .action(update)
  command
    .command('purge')
    .description('remove images; without a digest those that a newer one has taken the place of')
    .argument('[digest]', 'the digest, or its beginning, or the name')
    .option('--all', 'all of them, with what was downloaded for them')
    .option('--json', 'one JSON document')
    .exitOverride()
    .addHelpText('after', '\nExample:\n  glovebox image purge\n')
    .action(purge)
}

async function build(flags: BuildFlags): Promise<void> {
  await refuseHalves(flags)
  const { readRecipe } = await import('../drivers/microvm/image/recipe.ts')
  const recipe = readRecipe(flags.recipe)
  const image = await building(async (options) => {
    const { from: path, name } = flags
    if (path !== undefined) {
      const { buildFrom } = await import('../drivers/microvm/image/from/build-from.ts')
      const notice = (text: string): void => void process.stderr.write(`glovebox: ${text}\n`)
      const kernel = flags.kernel === undefined ? undefined : { file: flags.kernel, modules: flags.modules }
      return buildFrom({ ...options, path, name, recipe, kernel, notice })
    }
    const { buildImage } = await import('../drivers/microvm/image/build.ts')
    return buildImage(recipe, options)
  })
  await told('image build', image, flags)
}

/** @throws GloveboxError USAGE for a flag that another one would give a meaning to */
async function refuseHalves({ from, kernel, modules, name }: BuildFlags): Promise<void> {
  const half = from === undefined ? (kernel ?? modules ?? name) : kernel === undefined ? modules : undefined
  if (half === undefined) return
  const { GloveboxError } = await import('../errors.ts')
  throw new GloveboxError(
    'USAGE',
    'this has no meaning by itself: --name and --kernel go with --from, and --modules with --kernel',
    {
      fix: 'glovebox image build --from ROOT --kernel FILE --modules DIR',
    },
  )
}

async function list({ json }: JsonFlag): Promise<void> {
  const { store, style } = await surroundings()
  const { listImages } = await import('../drivers/microvm/image/images.ts')
  const { renderImages, imageJson } = await import('../ui/images.ts')
  const images = listImages(store)
  if (json === true) return print('image list', { images: images.map(imageJson) })
  process.stdout.write(renderImages(images, style))
}

async function update({ recipe: name, json }: BuildFlags): Promise<void> {
  const { readRecipe } = await import('../drivers/microvm/image/recipe.ts')
  const { updateImage } = await import('../drivers/microvm/image/update.ts')
  const { renderUpdate, imageJson } = await import('../ui/images.ts')
  const recipe: Recipe = readRecipe(name)
  const updated = await building(async (options) => updateImage(recipe, options))
  const { image, reasons, changes, isNew } = updated
  if (json === true) return print('image update', { updated: isNew, reasons, changes, image: imageJson(image) })
  process.stdout.write(renderUpdate(updated, (await surroundings()).style))
}

async function purge(digest: string | undefined, flags: JsonFlag & { readonly all?: boolean }): Promise<void> {
  const { purgeImages } = await import('../drivers/microvm/image/purge.ts')
  const { formatBytes } = await import('../policy/sizes.ts')
  const { store } = await surroundings()
  const purged = await purgeImages(store, { name: digest, all: flags.all === true })
  if (flags.json === true) return print('image purge', { ...purged })
  process.stdout.write(`${purged.removed.length} removed, ${formatBytes(purged.freedBytes)} free\n`)
}

async function told(verb: string, image: Image, { json }: JsonFlag): Promise<void> {
  const { renderImage, imageJson } = await import('../ui/images.ts')
  if (json === true) return print(verb, imageJson(image))
  process.stdout.write(renderImage(image))
}

interface Building {
  readonly store: Awaited<ReturnType<typeof surroundings>>['store']
  readonly env: NodeJS.ProcessEnv
  readonly node: string
  readonly progress: Progress
}

/** With its progress on stderr, which is gone when the answer comes. */
async function building<T>(work: (options: Building) => Promise<T>): Promise<T> {
  const { stepsOf } = await import('../ui/progress.ts')
  const { store } = await surroundings()
  const steps = stepsOf('image', process.stderr)
  try {
    return await work({ store, env: process.env, node: process.execPath, progress: steps.show })
  } finally {
    steps.clear()
  }
}

async function surroundings() {
  const [{ places }, { styleFor }, { imageStore }] = await Promise.all([
    import('../system/places.ts'),
    import('../ui/style.ts'),
    import('../drivers/microvm/image/store.ts'),
  ])
  return { store: imageStore(places(process.env)), style: styleFor(process.stdout, process.env) }
}

function print(verb: string, body: object): void {
  process.stdout.write(`${JSON.stringify({ schema: `glovebox/${verb.replace(' ', '-')}/1`, ...body })}\n`)
}
