import { chmodSync, createWriteStream, mkdirSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { pipeline } from 'node:stream/promises'
import { openPromise, type Entry, type ZipFile } from 'yauzl'
import { GloveboxError, messageOf } from '../../errors.ts'

/** Bounds on what a bundle may unpack to. */
export interface ArchiveLimits {
  readonly files: number
  readonly bytes: number
}

const usual: ArchiveLimits = { files: 50_000, bytes: 512 * 1024 ** 2 }

/**
 * Unpacks a `.mcpb` archive into an empty directory. Names, kinds and sizes are checked for all entries before the first one
 * is written; sizes are counted again while they are unpacked (yauzl does, against what the archive says).
 * @throws GloveboxError REFUSED naming the entry
 */
export async function unpack(file: string, directory: string, limits: ArchiveLimits = usual): Promise<void> {
  const zip = await openPromise(file, {
    lazyEntries: true,
    strictFileNames: true,
    validateEntrySizes: true,
    autoClose: false,
  }).catch((cause: unknown) => {
    throw refused(messageOf(cause), cause)
  })
  try {
    const entries = await listEntries(zip, limits)
    for (const entry of entries) await write(zip, entry, directory)
  } catch (cause) {
    throw cause instanceof GloveboxError ? cause : refused(messageOf(cause), cause)
  } finally {
    zip.close()
  }
}

async function listEntries(zip: ZipFile, limits: ArchiveLimits): Promise<Entry[]> {
  if (zip.entryCount > limits.files) throw refused(`it has ${zip.entryCount} entries; ${limits.files} are the most`)
  const entries: Entry[] = []
  const seen = new Set<string>()
  let bytes = 0
  for await (const entry of zip.eachEntry()) {
    const { fileName } = entry
    const wrong = whyWrong(fileName, kindOf(entry))
    if (wrong !== undefined) throw refused(`"${fileName}": ${wrong}`)
    // A system that does not tell upper from lower case would write one over the other.
    const folded = fileName.normalize('NFC').toLowerCase().replace(/\/$/, '')
    if (seen.has(folded)) throw refused(`"${fileName}" is there twice`)
    seen.add(folded)
    bytes += entry.uncompressedSize
    if (bytes > limits.bytes) throw refused(`it unpacks to more than ${limits.bytes} bytes`)
    entries.push(entry)
  }
  for (const name of seen)
    for (let at = dirname(name); at !== '.'; at = dirname(at))
      if (entries.some(({ fileName }) => fileName.toLowerCase() === at))
        throw refused(`"${at}" is a file and a directory`)
  return entries
}

/** What keeps an entry from being written; yauzl has already refused absolute names, `..` and backslashes. */
function whyWrong(name: string, kind: number): string | undefined {
  if (name.length > 1024 || name.split('/').some((part) => Buffer.byteLength(part) > 255)) return 'its name is too long'
  if (/[\0-\u001f\u007f]/.test(name)) return 'its name has control characters'
  if (name.startsWith('/') || name.split('/').some((part) => part === '..' || part === '.')) return 'its name leads out'
  // 0: made on a system without modes; else S_IFREG or S_IFDIR (inode(7)).
  if (kind !== 0 && kind !== 0o100000 && kind !== 0o040000) return 'it is a link or a device'
  return undefined
}

/** The type bits of the Unix mode that is in the upper half of the external attributes. */
function kindOf({ externalFileAttributes }: Entry): number {
  return (externalFileAttributes >>> 16) & 0o170000
}

async function write(zip: ZipFile, entry: Entry, directory: string): Promise<void> {
  const target = join(directory, entry.fileName)
  if (entry.fileName.endsWith('/')) return void mkdirSync(target, { recursive: true })
  mkdirSync(dirname(target), { recursive: true })
  if (entry.isEncrypted()) throw refused(`"${entry.fileName}" is encrypted`)
  await pipeline(await zip.openReadStreamPromise(entry), createWriteStream(target, { flags: 'wx', mode: 0o644 }))
  if (((entry.externalFileAttributes >>> 16) & 0o111) !== 0) chmodSync(target, 0o755)
}

function refused(why: string, cause?: unknown): GloveboxError {
  return new GloveboxError('REFUSED', `the bundle cannot be unpacked: ${why}`, {
    cause,
    fix: 'get the file again from its author, and compare its SHA-256',
  })
}
