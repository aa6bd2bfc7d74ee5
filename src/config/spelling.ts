import { extname } from 'node:path'
import { GloveboxError } from '../errors.ts'
import { problemAt, problemsError, SyntaxProblem } from './problem.ts'
import type { Source } from './source.ts'
import type { Tree } from './tree.ts'

/** The ways to write one configuration. */
export type Spelling = 'json' | 'toml' | 'yaml'

export const configFileNames: readonly string[] = [
  'glovebox.json',
  'glovebox.toml',
  'glovebox.yaml',
  'glovebox.jsonc',
  'glovebox.yml',
]

/**
 * The spelling that the end of a file's name says.
 * @throws GloveboxError USAGE
 */
export function spellingOf(path: string): Spelling {
  const spelling = { '.json': 'json', '.jsonc': 'json', '.toml': 'toml', '.yaml': 'yaml', '.yml': 'yaml' }[
    extname(path)
  ]
  if (spelling !== undefined) return spelling as Spelling
  throw new GloveboxError('USAGE', `${path}: a configuration is JSON, TOML or YAML`, {
    fix: 'the name of the file has to end in .json, .jsonc, .toml, .yaml or .yml',
  })
}

/**
 * A source as a tree, by the parser of its spelling; no other parser is loaded.
 * @throws GloveboxError POLICY_INVALID with the place of the mistake
 */
export async function parseSource(source: Source): Promise<Tree> {
  try {
    return await parseAs(spellingOf(source.path), source.text)
  } catch (error) {
    if (!(error instanceof SyntaxProblem)) throw error
    throw problemsError([problemAt(source, error.offset, { path: [], why: error.why, fix: error.fix })])
  }
}

/** @throws SyntaxProblem */
export async function parseAs(spelling: Spelling, text: string): Promise<Tree> {
  switch (spelling) {
    case 'json':
      return (await import('./json/tree.ts')).parseJson(text)
    case 'toml':
      return (await import('./toml/tree.ts')).parseToml(text)
    case 'yaml':
      return (await import('./yaml/tree.ts')).parseYaml(text)
  }
}
