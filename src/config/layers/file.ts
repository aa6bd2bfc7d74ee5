import type { GloveboxError } from '../../errors.ts'
import type { ConfigFile } from '../file.ts'
import { problemAt, problemsError } from '../problem.ts'
import { positionAt } from '../source.ts'
import { placeOf, type KeyPath } from '../tree.ts'
import { withAbsolutePaths, type Layer } from './layer.ts'
import type { Origin } from './origin.ts'

/** Which file a layer comes from, and what its relative paths belong to. */
export interface Scope {
  readonly kind: 'project' | 'user' | 'file'
  readonly base: string
}

/** The `defaults` of a file as a layer. */
export function defaultsLayer(file: ConfigFile, scope: Scope): Layer {
  return {
    sandbox: withAbsolutePaths(file.config.defaults ?? {}, scope.base),
    env: {},
    originOf: (path) => originIn(file, ['defaults', ...path], scope.kind),
  }
}

/**
 * A server of a file as a layer; variables that it copies are read out of our environment, if that is given.
 * @throws GloveboxError POLICY_INVALID when one is not there
 */
export function serverLayer(file: ConfigFile, name: string, scope: Scope, env: NodeJS.ProcessEnv | undefined): Layer {
  const server = file.config.mcpServers?.[name] ?? {}
  const own: KeyPath = ['mcpServers', name]
  return {
    sandbox: withAbsolutePaths(server.sandbox ?? {}, scope.base),
    env: Object.fromEntries(
      Object.entries(server.env ?? {}).map(([key, value]) => [key, copied(value, [...own, 'env', key], file, env)]),
    ),
    originOf: (path) =>
      originIn(file, path[0] === 'env' ? [...own, ...path] : [...own, 'sandbox', ...path], scope.kind),
  }
}

/** The name of the variable that a value of `env` copies, or undefined when it is the value itself. */
export function copiedVariable(value: string): string | undefined {
  return /^\$\{env:([A-Za-z_][A-Za-z0-9_]*)\}$/.exec(value)?.[1]
}

function copied(value: string, path: KeyPath, file: ConfigFile, env: NodeJS.ProcessEnv | undefined): string {
  const name = copiedVariable(value)
  if (name === undefined || env === undefined) return value
  const found = env[name]
  if (found !== undefined) return found
  const why = `there is no variable ${name} in our environment to copy`
  throw placedError(file, path, why, `set ${name}, or write the value`)
}

/** An error about a key of a file. */
export function placedError(file: ConfigFile, path: KeyPath, why: string, fix: string): GloveboxError {
  return problemsError([problemAt(file.source, placeOf(file.tree, path), { path, why, fix })])
}

export function originIn(file: ConfigFile, path: KeyPath, kind: Origin['kind']): Origin {
  const { line, column } = positionAt(file.source.text, placeOf(file.tree, path))
  return { kind, where: `${file.source.path}:${line}:${column}` }
}
