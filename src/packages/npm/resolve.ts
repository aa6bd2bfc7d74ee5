import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Resolution, Root } from '../resolution.ts'
import { withScratch } from '../store/staging.ts'
import type { Store } from '../store/store.ts'
import { chooseVersion } from './choose-version.ts'
import { readLock } from './lock.ts'
import type { NpmTool } from './npm-tool.ts'
import { parseNpmSpec } from './spec.ts'

interface Manifest {
  readonly name: string
  readonly version: string
  readonly engines?: { readonly node?: string }
  readonly deprecated?: string
  readonly versions?: readonly string[] | string
  readonly 'dist-tags'?: Readonly<Record<string, string>>
}

export interface ResolvedRoots {
  readonly roots: readonly Root[]
  /** Sentences for the user. */
  readonly notes: readonly string[]
}

/** The exact versions of the packages that were asked for; which Node there is has no say in it. */
export async function resolveRoots(specs: readonly string[], npm: NpmTool): Promise<ResolvedRoots> {
  const manifests = await Promise.all(specs.map(async (text) => resolveRoot(text, npm)))
  return {
    roots: manifests.map(({ name, version, engines }) => ({ name, version, requires: engines?.node ?? '' })),
    notes: manifests
      .filter(({ deprecated }) => typeof deprecated === 'string')
      .map(({ name, version, deprecated }) => `${name} ${version} is deprecated: ${deprecated}`),
  }
}

async function resolveRoot(text: string, npm: NpmTool): Promise<Manifest> {
  const spec = parseNpmSpec(text)
  const newest = one(await npm.json(['view', spec.name], '/'))
  const { versions = [] } = newest
  const version = chooseVersion(spec, {
    versions: typeof versions === 'string' ? [versions] : versions,
    tags: newest['dist-tags'] ?? {},
  })
  return version === newest.version ? newest : one(await npm.json(['view', `${spec.name}@${version}`], '/'))
}

/** `npm view` gives an object, or a list of one. */
function one(answer: unknown): Manifest {
  return (Array.isArray(answer) ? answer.at(-1) : answer) as Manifest
}

/** All versions below these, with their hashes; nothing is downloaded but what the registry says of them. */
export async function lockDependencies(roots: readonly Root[], npm: NpmTool, store: Store): Promise<Resolution> {
  return withScratch(store, async (directory) => {
    writeFileSync(join(directory, 'package.json'), manifestFor(roots))
    await npm.run(['install', '--package-lock-only=true'], directory)
    const lock = JSON.parse(readFileSync(join(directory, 'package-lock.json'), 'utf8')) as unknown
    return { schema: 'glovebox/resolution/1', ecosystem: 'npm', roots, entries: readLock(lock), lock }
  })
}

export function manifestFor(roots: readonly Root[]): string {
  const dependencies = Object.fromEntries(roots.map(({ name, version }) => [name, version]))
  return `${JSON.stringify({ name: 'glovebox-package', version: '0.0.0', private: true, dependencies }, null, 2)}\n`
}
