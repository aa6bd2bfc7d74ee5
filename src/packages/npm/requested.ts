import semver from 'semver'
import { GloveboxError } from '../../errors.ts'
import type { Root } from '../resolution.ts'
import { parseNpmSpec } from './spec.ts'

/**
 * Whether these are versions of the packages that were asked for. A tag can mean any version of its package.
 * @throws GloveboxError REFUSED naming the package
 */
export function requireRequested(specs: readonly string[], roots: readonly Root[]): void {
  for (const [index, text] of specs.entries()) {
    const { name, range } = parseNpmSpec(text)
    const root = roots[index]
    const isRange = range !== '' && semver.validRange(range, { loose: true }) !== null
    const fits = root?.name === name && (!isRange || semver.satisfies(root.version, range, { includePrerelease: true }))
    if (!fits || roots.length !== specs.length) {
      throw new GloveboxError('REFUSED', `the lock has ${root?.name ?? 'nothing'} ${root?.version ?? ''} for ${text}`, {
        fix: 'write it anew: glovebox package lock -- COMMAND',
      })
    }
  }
}
