import { GloveboxError } from '../../errors.ts'

/** A requirement of an index (PEP 508 without a marker or a URL). */
export interface Requirement {
  /** As PEP 503 normalises it. */
  readonly name: string
  readonly extras: readonly string[]
  /** `==1.2`, `>=1,<2`; empty when none is said. */
  readonly specifiers: string
}

const pattern = /^([A-Za-z0-9](?:[A-Za-z0-9._-]*[A-Za-z0-9])?)\s*(?:\[([^\]]*)\])?\s*(.*)$/
const specifier = /^(?:===|==|!=|~=|<=|>=|<|>)\s*[A-Za-z0-9.*+!_-]+$/

/** @throws GloveboxError USAGE for what pip would take from elsewhere: a path, git, a URL */
export function parseRequirement(text: string): Requirement {
  const match = pattern.exec(text.trim())
  const specifiers = (match?.[3] ?? '')
    .replace(/^\((.*)\)$/, '$1')
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '')
  const extras = (match?.[2] ?? '')
    .split(',')
    .map((item) => item.trim().toLowerCase())
    .filter((item) => item !== '')
  const isSound = match?.[1] !== undefined && specifiers.every((item) => specifier.test(item))
  if (isSound && extras.every((extra) => /^[a-z0-9][a-z0-9._-]*$/.test(extra)) && !/\.(whl|zip|tar\.gz)$/.test(text)) {
    return {
      name: normalName(match[1] ?? ''),
      extras: extras.toSorted(),
      specifiers: specifiers.map((item) => item.replaceAll(/\s/g, '')).join(','),
    }
  }
  throw new GloveboxError('USAGE', `"${text}" is not a package of an index, with versions`, {
    fix: 'write NAME, NAME[EXTRA] or NAME==VERSION; git, paths and URLs cannot be pinned by hash',
  })
}

/** PEP 503, "Normalized Names". */
export function normalName(name: string): string {
  return name.toLowerCase().replaceAll(/[-_.]+/g, '-')
}

export function renderRequirement({ name, extras, specifiers }: Requirement): string {
  return `${name}${extras.length > 0 ? `[${extras.join(',')}]` : ''}${specifiers}`
}
