import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { GloveboxError } from '../../../errors.ts'
import { packageRoot } from '../../../package-root.ts'
import { namesIn } from '../../../packages/store/staging.ts'
import { sha256 } from '../../../system/sha256.ts'
import type { Architecture } from '../architecture.ts'

/** What an image is made of, `images/NAME.json`. */
export interface Recipe {
  readonly name: string
  /** Release of Debian. */
  readonly suite: string
  /** The package that depends on the kernel of the day, for each architecture. */
  readonly kernel: Readonly<Record<Architecture, string>>
  readonly packages: readonly string[]
  /** Of everything that has a say in what comes out, but for packages and Node. */
  readonly sha256: string
}

export const defaultRecipe = 'debian'

/** Where recipes and the scripts that carry them out lie. */
export function recipesDirectory(): string {
  return join(packageRoot(), 'images')
}

/** Raised when images of an equal recipe come out another way: the file system's options, modules, what is added. */
const version = '2'

const scripts = ['setup.sh', 'kernel.sh', 'customize.sh', 'one-id.pl']

/** @throws GloveboxError USAGE for a name that is none */
export function readRecipe(name: string, directory: string = recipesDirectory()): Recipe {
  const known = recipeNames(directory)
  if (!known.includes(name)) {
    throw new GloveboxError('USAGE', `there is no recipe "${name}"`, { fix: `choose one of ${known.join(', ')}` })
  }
  const text = readFileSync(join(directory, `${name}.json`), 'utf8')
  const { suite, kernel, packages } = JSON.parse(text) as Omit<Recipe, 'name' | 'sha256'>
  const parts = [version, text, ...scripts.map((script) => readFileSync(join(directory, script), 'utf8'))]
  return { name, suite, kernel, packages, sha256: sha256(parts.map(sha256).join(' ')) }
}

export function recipeNames(directory: string = recipesDirectory()): string[] {
  return namesIn(directory)
    .filter((file) => file.endsWith('.json'))
    .map((file) => file.slice(0, -'.json'.length))
    .toSorted()
}
