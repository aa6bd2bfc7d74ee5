import { GloveboxError } from '../../errors.ts'

export type Architecture = 'x64' | 'arm64'

/** @throws GloveboxError HOST_CANNOT for a processor that there are no machines for */
export function ownArchitecture(): Architecture {
  if (process.arch === 'x64' || process.arch === 'arm64') return process.arch
  throw new GloveboxError('HOST_CANNOT', `virtual machines are made for x64 and arm64, and this is ${process.arch}`, {
    fix: 'use a machine with an x86-64 or arm64 processor, or --driver jail',
  })
}
