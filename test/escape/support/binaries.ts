import { existsSync } from 'node:fs'
import path from 'node:path'
import type { Runner } from '../../support/as-user.ts'

/** The attacking program, built beside the launcher. */
export function attacksBinary(runner: Runner): string {
  return built(path.join(runner.root, 'native/target/release/attacks'))
}

export function insideBinary(runner: Runner): string {
  return built(runner.inside)
}

/** What is missing would make every attack fail, which would look like safety. */
function built(file: string): string {
  if (existsSync(file)) return file
  throw new Error(`${file} is not built: npm run build:native`)
}
