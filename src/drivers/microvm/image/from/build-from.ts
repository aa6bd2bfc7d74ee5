import { existsSync, linkSync, mkdirSync, realpathSync, statSync } from 'node:fs'
import { basename, join, resolve } from 'node:path'
import { GloveboxError, messageOf } from '../../../../errors.ts'
import { createForeignTarReader } from '../../../../inside/tar/foreign.ts'
import { ownArchitecture, type Architecture } from '../../architecture.ts'
import { requireApart } from '../apart.ts'
import { publishImage, takingTurns, type BuildOptions } from '../build.ts'
import { debianName, fetchKernel } from '../debootstrap.ts'
import { fileDigest } from '../digest.ts'
import { packErofs } from '../erofs.ts'
import { gather, walk } from '../gather.ts'
import { currentImage, requireOwnName } from '../images.ts'
import { takeKernel, takeOwnKernel, type OwnKernel } from '../kernel.ts'
import { programsIn } from '../programs.ts'
import { shellWord } from '../../../../ui/shell-word.ts'
import type { Recipe } from '../recipe.ts'
import { imageFiles, type Image, type ImagePackage, type ImageSource } from '../record.ts'
import { requireTools, toolsOf } from '../tools.ts'
import { readHead, readUnpacked, unpackedBudget } from './compressed.ts'
import { isErofs, takeErofs } from './ready.ts'
import { completeRoot } from './complete-root.ts'
import { createCpioReader, isCpio } from './cpio.ts'
import { applyLayers, readDockerImage } from './docker.ts'
import { readExt } from './ext4/reader.ts'
import { looksLikeExt, UnreadableExt } from './ext4/superblock.ts'
import { headBytes, refuseOthers, taken } from './other-formats.ts'
import { createRootWriter } from './root-writer.ts'

export interface FromOptions extends BuildOptions {
  /** A directory, a tar or cpio archive (an initramfs), what `docker save` wrote, an image of ext2 to ext4, or a finished erofs file. */
  readonly path: string
  /** What it is called; the file's own name by default. */
  readonly name: string | undefined
  /** Where the kernel comes from, unless there is one of the user's own. */
  readonly recipe: Recipe
  readonly kernel?: OwnKernel | undefined
  /** Of the very same image: what is told of it stays as it is. */
  readonly keepRecord?: boolean
  readonly notice: (text: string) => void
}

/**
 * An image with a root filesystem of the user's own and the kernel of a recipe. The same source gives the same image.
 * @throws GloveboxError USAGE for a path that is none, REFUSED for an archive that lies, FAILED for one that is none
 */
export async function buildFrom(options: FromOptions): Promise<Image> {
  const { store, env, progress, signal, recipe } = options
  const path = resolve(options.path)
  if (!existsSync(path))
    throw new GloveboxError('USAGE', `there is no ${path}`, { fix: 'name a directory or an archive' })
  requireTools(toolsOf.pack, env)
  const architecture = ownArchitecture()
  return takingTurns(options, async (staged) => {
    const [root, image] = [join(staged, 'root'), join(staged, 'image')]
    for (const directory of [root, image]) mkdirSync(directory, { mode: 0o700 })
    progress({ step: 'unpacking', share: 0.05 })
    const isReady = isErofs(path)
    const source = isReady ? await takeErofs(path, image, signal) : await unpack(path, { ...options, staged, root })
    if (options.name === undefined) requireOwnName(store, source, recipe.name)
    if (!isReady) completeRoot(root)
    progress({ step: 'fetching the kernel', share: 0.5 })
    const kernel = await kernelFor(image, { ...options, staged, recipe, architecture })
    progress({ step: 'packing', share: 0.7 })
    const packing = { times: 'kept', env, signal } as const
    if (!isReady) await packErofs(root, join(image, imageFiles.root), packing)
    const facts = {
      source: { ...source, name: options.name ?? source.name },
      architecture,
      ...kernel,
      packages: [],
      node: null,
      programs: programsIn(root),
    }
    return publishImage(store, image, facts, { keepRecord: options.keepRecord === true })
  })
}

type Unpacking = FromOptions & { readonly staged: string; readonly root: string }

async function unpack(path: string, options: Unpacking): Promise<ImageSource> {
  const name = basename(path)
  if (statSync(path).isDirectory()) {
    fromDirectory(path, options)
    return { kind: 'directory', name, sha256: '' }
  }
  const head = await readHead(path, headBytes, options.signal)
  refuseOthers(path, head)
  const { sha256 } = await fileDigest(path, options.signal)
  if (looksLikeExt(head)) {
    await fromExt(path, options)
    return { kind: 'ext4', name: name.replace(/\.(ext[234]|img|raw)$/, ''), sha256 }
  }
  if (await isCpio(path, options.signal)) {
    await fromArchive(path, options, (sink) => createCpioReader(sink))
    return { kind: 'cpio', name: name.replace(/\.(cpio|img)(\.\w+)?$/, ''), sha256 }
  }
  if (await isDockerArchive(path, options.signal)) {
    return { kind: 'docker', name: (await fromDocker(path, options)) ?? name, sha256 }
  }
  await fromTar(path, options.root, options.signal)
  return { kind: 'tar', name: name.replace(/\.(tar|tgz|tar\.\w+)$/, ''), sha256 }
}

function fromDirectory(path: string, { root, notice, signal }: Unpacking): void {
  const found = walk(realpathSync.native(path), new Set())
  gather([found], root, signal, (_, below) => join(root, below))
  if (found.leftOut.length > 0) {
    const some = found.leftOut.slice(0, 5).join(', ')
    notice(`${found.leftOut.length} files are left out, which are unreadable, or no files: ${some}`)
  }
}

async function fromTar(path: string, root: string, signal: AbortSignal | undefined): Promise<void> {
  await fromArchive(path, { root, signal }, createForeignTarReader)
}

/** What a guest would mount is read here, and packed like an archive: of any kernel it needs no more than every root does. */
async function fromExt(path: string, { root, signal }: Unpacking): Promise<void> {
  using writer = createRootWriter(root)
  try {
    await readExt(path, writer.layer(false), unpackedBudget(), signal)
    writer.settle()
  } catch (cause) {
    signal?.throwIfAborted()
    if (cause instanceof GloveboxError) throw cause
    const fix =
      (cause instanceof UnreadableExt ? cause.fix : undefined) ??
      ((at: string) => `e2fsck -fn ${shellWord(at)} says more`)
    throw new GloveboxError('FAILED', `${path}, an ext4 image: ${messageOf(cause)}`, { cause, fix: fix(path) })
  }
}

async function fromArchive(
  path: string,
  { root, signal }: Pick<Unpacking, 'root' | 'signal'>,
  readerFor: typeof createForeignTarReader,
): Promise<void> {
  using writer = createRootWriter(root)
  try {
    const reader = readerFor(writer.layer(false))
    await readUnpacked(path, async (chunk) => reader.push(chunk), signal)
    reader.finish()
    writer.settle()
  } catch (cause) {
    signal?.throwIfAborted()
    if (cause instanceof GloveboxError) throw cause
    throw new GloveboxError('FAILED', `${path}: ${messageOf(cause)}`, {
      cause,
      fix: `give ${taken}`,
    })
  }
}

/** @returns what the image is called in the archive */
async function fromDocker(path: string, { staged, root, signal }: Unpacking): Promise<string | undefined> {
  const outer = join(staged, 'archive')
  mkdirSync(outer, { mode: 0o700 })
  await fromTar(path, outer, signal)
  const image = readDockerImage(outer)
  const own = debianName(ownArchitecture())
  if (image.architecture !== own) {
    throw new GloveboxError('REFUSED', `the image is for ${image.architecture}, and this machine is ${own}`, {
      fix: `docker pull --platform linux/${own}, then docker save`,
    })
  }
  using writer = createRootWriter(root)
  await applyLayers(image, writer, signal)
  writer.settle()
  return image.name
}

/** By what is in it: `docker save` writes no name of its own anywhere else. */
async function isDockerArchive(path: string, signal: AbortSignal | undefined): Promise<boolean> {
  const names = new Set<string>()
  const reader = createForeignTarReader({
    begin: ({ path: parts }) => void (parts.length === 1 && names.add(String(parts[0]))),
    data: () => undefined,
    end: () => undefined,
  })
  try {
    await readUnpacked(path, async (chunk) => reader.push(chunk), signal)
  } catch (cause) {
    signal?.throwIfAborted()
    if (cause instanceof GloveboxError) throw cause
    throw new GloveboxError('FAILED', `${path}: ${messageOf(cause)}`, {
      cause,
      fix: `give ${taken}`,
    })
  }
  // A root filesystem has these; that of an archive of images does not.
  return names.has('manifest.json') && !names.has('usr') && !names.has('bin') && !names.has('etc')
}

type KernelOptions = FromOptions & { readonly staged: string; readonly architecture: Architecture }

/** That of the newest image by the recipe, or a new one. */
async function kernelFor(
  image: string,
  options: KernelOptions,
): Promise<{ kernelVersion: string; kernelPackage: ImagePackage | null }> {
  const { store, recipe, env, signal, staged } = options
  if (options.kernel !== undefined) return { kernelVersion: takeOwnKernel(options.kernel, image), kernelPackage: null }
  const there = currentImage(store, recipe.name)
  if (there !== undefined) {
    // Never written to by anybody: one file under two names.
    linkSync(there.kernel, join(image, imageFiles.kernel))
    linkSync(there.modules, join(image, imageFiles.modules))
    return { kernelVersion: there.record.kernelVersion, kernelPackage: there.record.kernelPackage }
  }
  requireTools(toolsOf.recipe, env)
  await requireApart(env, signal)
  const directory = join(staged, 'kernel')
  mkdirSync(directory, { mode: 0o700 })
  const { kernel, kernelPackage } = await fetchKernel({
    ...options,
    directory,
    downloads: store.downloads,
    progress: () => undefined,
    signal,
  })
  return { kernelVersion: takeKernel(kernel, image), kernelPackage }
}
