import semver from 'semver'
import { GloveboxError } from '../../errors.ts'
import type { NpmSpec } from './spec.ts'

/** What `npm view NAME` says of all versions. */
export interface Versions {
  readonly versions: readonly string[]
  readonly tags: Readonly<Record<string, string>>
}

/**
 * The version that a spec means, as npm reads it but for one thing: what Node there is has no say.
 * `latest` wins when it is in the range (npm-pick-manifest does the same).
 * @throws GloveboxError NOT_FOUND with the nearest that there is
 */
export function chooseVersion({ name, range }: NpmSpec, { versions, tags }: Versions): string {
  const latest = tags['latest']
  const wanted = range === '' ? 'latest' : range
  const tagged = Object.hasOwn(tags, wanted) ? tags[wanted] : undefined
  if (tagged !== undefined) return tagged
  const exact = semver.valid(wanted, { loose: true })
  if (exact !== null && versions.includes(exact)) return exact
  const asRange = semver.validRange(wanted, { loose: true })
  if (asRange !== null) {
    if (latest !== undefined && semver.satisfies(latest, asRange)) return latest
    const best = semver.maxSatisfying([...versions], asRange)
    if (best !== null) return best
  }
  throw new GloveboxError(
    'NOT_FOUND',
    `${name} has no version or tag "${wanted}"; the latest is ${latest ?? 'unknown'}`,
    {
      fix: `npm view ${name} versions dist-tags shows those that there are`,
    },
  )
}
