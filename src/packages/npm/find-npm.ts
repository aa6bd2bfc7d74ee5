import { realpathSync, statSync } from 'node:fs'
import { basename, delimiter, dirname, isAbsolute, join } from 'node:path'
import { GloveboxError } from '../../errors.ts'

/** How npm is started: the program and the words in front of its own arguments. */
export interface NpmProgram {
  readonly file: string
  readonly prefix: readonly string[]
}

/**
 * npm beside our Node, else the one in PATH, run by the Node that the package is for: npm chooses versions of dependencies
 * by the Node that runs it.
 * @throws GloveboxError HOST_CANNOT when there is none
 */
export function findNpm(node: string, env: NodeJS.ProcessEnv): NpmProgram {
  const beside = join(dirname(dirname(realpathSync.native(node))), 'lib', 'node_modules', 'npm', 'bin', 'npm-cli.js')
  const inPath = (env['PATH'] ?? '')
    .split(delimiter)
    .filter((directory) => isAbsolute(directory))
    .map((directory) => join(directory, 'npm'))
  const found = [beside, ...inPath].find((path) => statSync(path, { throwIfNoEntry: false })?.isFile() === true)
  if (found === undefined) {
    throw new GloveboxError('HOST_CANNOT', 'npm is not there, and packages of npm are installed with it', {
      fix: 'install npm (it comes with Node), and see that it is in PATH',
    })
  }
  const real = realpathSync.native(found)
  return basename(real) === 'npm-cli.js' ? { file: node, prefix: [real] } : { file: found, prefix: [] }
}
