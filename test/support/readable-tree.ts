import { spawnSync } from 'node:child_process'
import { cpSync, existsSync, lstatSync, mkdirSync, readdirSync, realpathSync, statSync } from 'node:fs'
import path from 'node:path'

export const projectRoot: string = path.resolve(import.meta.dirname, '../..')

export interface Tree {
  readonly root: string
  readonly node: string
  readonly inside: string
}

/** What a run of the program and of its tests needs of the project. */
const needed = [
  'package.json',
  'bin',
  'src',
  'dist',
  'test',
  'fuzz',
  'bench',
  'catalog',
  'images',
  'profiles',
  'schema',
  'tools/testing',
  'node_modules',
  'native/wire/fixtures',
]
const built = [
  'native/target/release/glovebox-inside',
  'native/target/release/attacks',
  'native/target/release/glovebox-timer',
]
/** Tools of development: 80 MB that no test runs. */
const unneeded: ReadonlySet<string> = new Set([
  'typescript',
  '@typescript',
  'oxlint',
  '@oxlint',
  'oxlint-tsgolint',
  '@oxlint-tsgolint',
  'oxfmt',
  '@oxfmt',
])

/**
 * The project, a Node and the launcher where `uid` can read them: in place where everybody can, else as a copy below `base`.
 * A clone of root's is often behind a directory that only root enters, and so is the Node that was installed in it.
 */
export function readableTree(uid: number, base: string, from: string = projectRoot): Tree {
  const own = realpathSync(process.execPath)
  const inside = path.join(from, 'native/target/release/glovebox-inside')
  if (uid === 0 || uid === process.getuid?.()) return { root: from, node: own, inside }
  const node = isOpen(own) ? own : opened(copied(own, path.join(base, 'node')))
  if (isOpenTree(from)) return { root: from, node, inside }
  const root = copyOfTree(path.join(base, 'project'), from)
  return { root, node, inside: path.join(root, 'native/target/release/glovebox-inside') }
}

/** What a run of tests needs of the project, for everybody to read. @returns where it is */
export function copyOfTree(root: string, from: string = projectRoot): string {
  for (const name of [...needed, ...built]) {
    const source = path.join(from, name)
    // In a clone beside the first one `node_modules` can be a link to that one's.
    if (existsSync(source)) copied(realpathSync(source), path.join(root, name))
  }
  return opened(root)
}

function copied(source: string, target: string): string {
  mkdirSync(path.dirname(target), { recursive: true, mode: 0o755 })
  cpSync(source, target, { recursive: true, verbatimSymlinks: true, filter: isNeeded })
  return target
}

function isNeeded(source: string): boolean {
  return path.basename(path.dirname(source)) !== 'node_modules' || !unneeded.has(path.basename(source))
}

/** Whatever the umask made of it. */
function opened(copy: string): string {
  const run = spawnSync('chmod', ['-R', 'a+rX,go-w', copy], { encoding: 'utf8' })
  if (run.status !== 0) throw new Error(`chmod: ${run.stderr}`)
  return copy
}

/** Everybody can enter every directory on the way, and read the file. */
function isOpen(file: string): boolean {
  for (let directory = path.dirname(file); ; directory = path.dirname(directory)) {
    if ((statSync(directory).mode & 0o001) === 0) return false
    if (directory === path.dirname(directory)) return (statSync(file).mode & 0o004) !== 0
  }
}

/** A clone made with a strict umask has closed files and directories everywhere: the first levels tell. */
function isOpenTree(from: string): boolean {
  const seen = [...needed, ...built].map((name) => path.join(from, name)).filter((file) => existsSync(file))
  return isOpen(from) && seen.every((file) => isOpen(file) && isOpenBelow(file))
}

function isOpenBelow(file: string): boolean {
  if (!statSync(file).isDirectory()) return true
  return readdirSync(file).every((name) => {
    const stat = lstatSync(path.join(file, name))
    return stat.isSymbolicLink() || (stat.mode & (stat.isDirectory() ? 0o005 : 0o004)) !== 0
  })
}
