import { chmodSync, cpSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { packErofs } from '../../../src/drivers/microvm/image/erofs.ts'
import { cpioOf } from '../../../src/drivers/microvm/image/cpio.ts'
import { runTool } from '../../../src/system/run-tool.ts'
import { testImage } from '../image.ts'
import { copyOfTree, projectRoot } from '../readable-tree.ts'
import { nestedHome } from './outer-image.ts'

/** The image that sandboxes in the machine are started from, mounted at /srv: `/srv/images/DIGEST`. */
export async function imageDrive(): Promise<string> {
  const image = await testImage()
  const drive = path.join(nestedHome, `image-${image.record.digest}.erofs`)
  if (!existsSync(drive)) {
    const making = `${drive}-${process.pid}`
    const tree = path.join(`${making}.d`, 'images', image.record.digest)
    cpSync(image.directory, tree, { recursive: true })
    await tool('chmod', '-R', 'a+rX', tree) // both users of the machine have it
    await packErofs(`${making}.d`, making, { times: 'fixed', env: process.env })
    rmSync(`${making}.d`, { recursive: true })
    renameSync(making, drive)
  }
  return drive
}

/** What a start needs of the project, besides `dist`, which is made from the sources as they are. */
const project = [
  'package.json',
  'bin',
  'images',
  'profiles',
  'schema',
  'catalog',
  'native/target/release/glovebox-inside',
]

export interface Brought {
  /** Files and directories of this host, by the name that they get below /opt/brought. */
  readonly bring?: Readonly<Record<string, string>>
  /** The project with its tests is in /opt/project too, for `node --test` there. */
  readonly withTests?: boolean
}

/**
 * This project as an installed one and what else a test brings, mounted at /opt: `/opt/glovebox`, `/opt/brought/NAME`, and
 * `/opt/start`, by which the machine's init goes on.
 */
export async function projectDrive(
  directory: string,
  start: string,
  { bring = {}, withTests = false }: Brought,
): Promise<string> {
  const tree = path.join(directory, 'opt')
  const target = path.join(tree, 'glovebox')
  mkdirSync(path.join(tree, 'brought'), { recursive: true })
  for (const name of project) copy(path.join(projectRoot, name), path.join(target, name))
  for (const name of runtimePackages()) {
    copy(path.join(projectRoot, 'node_modules', name), path.join(target, 'node_modules', name))
  }
  await tool(process.execPath, path.join(projectRoot, 'tools/build.ts'), path.join(target, 'dist'))
  if (withTests) copyOfTree(path.join(tree, 'project'))
  for (const [name, source] of Object.entries(bring)) copy(source, path.join(tree, 'brought', name))
  writeFileSync(path.join(tree, 'start'), start)
  await tool('chmod', '-R', 'a+rX', tree)
  const drive = path.join(directory, 'opt.erofs')
  await packErofs(tree, drive, { times: 'fixed', env: process.env })
  return drive
}

async function tool(file: string, ...args: readonly string[]): Promise<void> {
  const { code, stderr } = await runTool({ file, args, cwd: projectRoot, env: process.env })
  if (code !== 0) throw new Error(`${file} ${args.join(' ')}: ${stderr}`)
}

function copy(source: string, target: string): void {
  mkdirSync(path.dirname(target), { recursive: true })
  cpSync(source, target, { recursive: true, dereference: true })
}

function runtimePackages(): string[] {
  const manifest = JSON.parse(readFileSync(path.join(projectRoot, 'package.json'), 'utf8')) as {
    readonly bundleDependencies: readonly string[]
  }
  return [...manifest.bundleDependencies]
}

/** The modules, and the program that loads them. */
export function outerInitrd(directory: string, modules: string): string {
  const init = path.join(projectRoot, 'native/target/release/nested-init')
  if (!existsSync(init)) throw new Error(`${init} is not built: npm run build:native`)
  const file = path.join(directory, 'initrd')
  const archive = cpioOf([
    { path: 'init', mode: 0o755, data: readFileSync(init) },
    { path: 'new', mode: 0o755 },
  ])
  writeFileSync(file, Buffer.concat([archive, readFileSync(modules)]))
  chmodSync(file, 0o600)
  return file
}
