import path from 'node:path'
import type { RuleContext } from './ast.ts'

/** The file that is being linted, relative to the project's root, with forward slashes. */
export function pathFrom(context: RuleContext): string {
  return path.relative(context.cwd, context.filename).split(path.sep).join('/')
}

/** What the rules of the house hold for: the program itself. Tests beside it may start processes and keep state. */
export function isHouse(file: string): boolean {
  return file.startsWith('src/') && !file.endsWith('.test.ts')
}
