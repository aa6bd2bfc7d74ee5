import { existsSync, realpathSync } from 'node:fs'
import { resolve } from 'node:path'
import { GloveboxError } from '../../errors.ts'
import type { Places } from '../../system/places.ts'
import { findProjectFile } from '../find.ts'
import { readSource, type Source } from '../source.ts'
import { fingerprint, type Fingerprint, type TrustedFile } from './fingerprint.ts'
import { trustState, type TrustState } from './record.ts'

/** A project's configuration as its user is asked about it: what is read here is what is shown and recorded. */
export interface Review {
  readonly directory: string
  readonly source: Source
  readonly seen: Fingerprint
  readonly state: TrustState
  /** Each file with what it was when it was trusted; undefined when it was not there, or is not any more. */
  readonly changes: readonly {
    readonly name: string
    readonly before: string | undefined
    readonly now: string | undefined
  }[]
}

/** @throws GloveboxError USAGE where there is no project */
export function reviewProject(directory: string, places: Places): Review {
  const from = resolve(directory)
  const project = existsSync(from) ? findProjectFile(from, places.config) : undefined
  if (project === undefined) {
    throw new GloveboxError('USAGE', `${from}: there is no glovebox.json, .toml or .yaml here or above`, {
      fix: 'only the configuration of a project has to be trusted; yours is',
    })
  }
  const source = readSource(project.path)
  const seen = fingerprint(project.directory, source)
  const state = trustState(places.state, project.directory, seen)
  const before = state.state === 'unknown' ? [] : state.record.files
  return {
    directory: realpathSync.native(project.directory),
    source,
    seen,
    state,
    changes: changesOf(before, seen.files),
  }
}

function changesOf(before: readonly TrustedFile[], now: readonly TrustedFile[]): Review['changes'] {
  const text = (files: readonly TrustedFile[], name: string): string | undefined =>
    files.find((file) => file.name === name)?.text
  const names = [...new Set([...before, ...now].map(({ name }) => name))]
  return names.map((name) => ({ name, before: text(before, name), now: text(now, name) }))
}
