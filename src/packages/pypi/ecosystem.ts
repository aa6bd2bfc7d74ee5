import { GloveboxError } from '../../errors.ts'
import type { Ecosystem } from '../install.ts'

export function pypiEcosystem(): Ecosystem {
  throw new GloveboxError('HOST_CANNOT', 'packages of PyPI are not there yet', { fix: 'use npm' })
}
