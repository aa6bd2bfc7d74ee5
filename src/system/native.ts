import { accessSync, constants } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { GloveboxError } from '../errors.ts'
import { isRestricted, permittedCopy } from './apparmor.ts'
import { packageRoot } from '../package-root.ts'

const packageName = `glovebox-inside-${process.platform}-${process.arch}`

/**
 * The path of glovebox-inside: `GLOVEBOX_INSIDE`, else the installed native package, else the build of this clone.
 * @throws GloveboxError NATIVE_MISSING naming the package to install; HOST_CANNOT where there is no jail at all
 */
export function findInside(env: NodeJS.ProcessEnv): string {
  const named = env['GLOVEBOX_INSIDE']
  if (named !== undefined && named !== '') return requireExecutable(named)
  if (process.platform !== 'linux') {
    throw new GloveboxError('HOST_CANNOT', 'the jail is built from Linux kernel features, and this is not Linux', {
      fix: 'use a driver that this system has: microvm or container',
    })
  }
  const found = [installed(), inClone(env)].find((path) => path !== undefined && isExecutable(path))
  if (found !== undefined) return isRestricted() ? (permittedCopy(found) ?? found) : found
  throw new GloveboxError(
    'NATIVE_MISSING',
    `glovebox-inside for ${process.platform}-${process.arch} is not installed`,
    {
      fix: `npm install -g ${packageName} (in a clone of the project: npm run build:native)`,
    },
  )
}

function installed(): string | undefined {
  try {
    return createRequire(import.meta.url).resolve(`${packageName}/bin/glovebox-inside`)
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === 'MODULE_NOT_FOUND') return undefined
    throw error
  }
}

function inClone(env: NodeJS.ProcessEnv): string {
  const target = env['CARGO_TARGET_DIR'] ?? join(packageRoot(), 'native', 'target')
  return join(target, 'release', 'glovebox-inside')
}

function requireExecutable(path: string): string {
  if (isExecutable(path)) return path
  throw new GloveboxError('NATIVE_MISSING', `GLOVEBOX_INSIDE names ${path}, which is not an executable file`, {
    fix: 'correct the variable, or unset it to use the installed one',
  })
}

function isExecutable(path: string): boolean {
  try {
    accessSync(path, constants.X_OK)
    return true
  } catch {
    return false
  }
}
