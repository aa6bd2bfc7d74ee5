import { basename } from 'node:path'
import type { Recognised } from '../package-command.ts'
import { recogniseContainer } from './container-runner.ts'
import { recogniseNpm } from './npm-runners.ts'
import { recognisePython } from './python-runners.ts'

/**
 * The command of a client's file as the package that it means; undefined when it is no package runner's.
 * @throws GloveboxError USAGE for a runner's command that cannot be pinned
 */
export function recognise(command: readonly string[]): Recognised | undefined {
  const [first = '', ...words] = command
  const program = basename(first).replace(/\.(cmd|exe)$/i, '')
  if (/^(npx|npm|pnpx|pnpm|yarn|bunx|bun)$/.test(program)) return recogniseNpm(program, words)
  if (/^(uvx|uv|pipx|python[\d.]*)$/.test(program)) return recognisePython(program, words)
  if (/^(docker|podman)$/.test(program)) return recogniseContainer(program, words)
  return undefined
}
