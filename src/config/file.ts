import { problemsError, problemsIn, type Problem } from './problem.ts'
import { configShape, type Config } from './schema/config.ts'
import { readShape } from './schema/shape.ts'
import type { Source } from './source.ts'
import { parseSource } from './spelling.ts'
import type { Tree } from './tree.ts'

/** A configuration file: its text, its tree with places, and what it says. */
export interface ConfigFile {
  readonly source: Source
  readonly tree: Tree
  readonly config: Config
}

/**
 * A configuration out of its text.
 * @throws GloveboxError POLICY_INVALID with the place of the first mistake
 */
export async function readConfig(source: Source): Promise<ConfigFile> {
  const { file, problems } = await checkConfig(source)
  if (problems.length > 0) throw problemsError(problems)
  return file
}

/**
 * A configuration with all that is wrong with it; what is wrong is left out of it.
 * @throws GloveboxError POLICY_INVALID when its syntax is broken
 */
export async function checkConfig(source: Source): Promise<{ file: ConfigFile; problems: readonly Problem[] }> {
  const tree = await parseSource(source)
  const { value, problems } = readShape(configShape, tree)
  return {
    file: { source, tree, config: value ?? {} },
    problems: problemsIn(
      source,
      problems.toSorted((a, b) => a.offset - b.offset),
    ),
  }
}
