import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { messageOf } from '../../errors.ts'
import type { InstallOptions } from '../install.ts'
import { ourNode } from '../npm/nodes.ts'
import { npmTool } from '../npm/npm-tool.ts'
import { manifestFor } from '../npm/resolve.ts'
import type { Resolution } from '../resolution.ts'
import { withScratch } from '../store/staging.ts'

/** A version that somebody has reported. */
export interface Advisory {
  readonly name: string
  readonly version: string
  readonly id: string
  readonly severity: string
  readonly title: string
}

/** What is known of a resolution's versions; `why` when nobody could be asked. */
export type Looked =
  | { readonly looked: true; readonly advisories: readonly Advisory[] }
  | { readonly looked: false; readonly why: string }

/** Asks the registry that the packages come from: npm's bulk advisories, or the OSV records that PyPI keeps by version. */
export async function lookForAdvisories(resolution: Resolution, options: InstallOptions): Promise<Looked> {
  try {
    const found =
      resolution.ecosystem === 'npm' ? await fromNpm(resolution, options) : await fromPypi(resolution, options)
    const order = (advisory: Advisory): string => `${advisory.name} ${advisory.id}`
    return { looked: true, advisories: found.toSorted((a, b) => order(a).localeCompare(order(b), 'en')) }
  } catch (error) {
    return { looked: false, why: messageOf(error) }
  }
}

/** `npm audit --json` (auditReportVersion 2), as far as it is read. */
interface AuditReport {
  readonly vulnerabilities?: Readonly<
    Record<
      string,
      {
        readonly name: string
        readonly nodes?: readonly string[]
        readonly via: readonly (
          | string
          | { readonly title?: string; readonly url?: string; readonly severity?: string }
        )[]
      }
    >
  >
}

async function fromNpm(
  { roots, entries, lock }: Resolution,
  { store, env, signal }: InstallOptions,
): Promise<Advisory[]> {
  return withScratch(store, async (directory) => {
    writeFileSync(join(directory, 'package.json'), manifestFor(roots))
    writeFileSync(join(directory, 'package-lock.json'), JSON.stringify(lock))
    const report = (await npmTool({ node: ourNode().path, env, offline: false, signal }).audit(
      directory,
    )) as AuditReport
    const versions = new Map(entries.map(({ path, version }) => [path, version]))
    return Object.values(report.vulnerabilities ?? {}).flatMap(({ name, nodes = [], via }) =>
      via.flatMap((advisory): Advisory[] => {
        // A text is the name of the dependency that is the reason: it has an entry of its own.
        if (typeof advisory === 'string') return []
        const { url = '', severity = '', title = '' } = advisory
        return [
          {
            name,
            version: versions.get(nodes[0] ?? '') ?? '',
            id: url.slice(url.lastIndexOf('/') + 1),
            severity,
            title,
          },
        ]
      }),
    )
  })
}

const [patienceMs, atOnce] = [4000, 8]

async function fromPypi({ entries }: Resolution, { env, signal }: InstallOptions): Promise<Advisory[]> {
  const [{ findPythons, pipDriver }, { pipTool }] = await Promise.all([
    import('../pypi/pythons.ts'),
    import('../pypi/pip-tool.ts'),
  ])
  const index = await pipTool({ driver: pipDriver(await findPythons(env)), env, signal }).index()
  const base = index.replace(/\/simple\/?$/, '')
  const waiting = [...entries]
  const found: Advisory[] = []
  const workers = Array.from({ length: atOnce }, async () => {
    for (let entry = waiting.shift(); entry !== undefined; entry = waiting.shift())
      found.push(...(await ofRelease(base, entry.name, entry.version)))
  })
  await Promise.all(workers)
  return found
}

interface Release {
  readonly vulnerabilities?: readonly {
    readonly id: string
    readonly summary?: string | null
    readonly details?: string
    readonly withdrawn?: string | null
  }[]
}

async function ofRelease(base: string, name: string, version: string): Promise<Advisory[]> {
  const response = await fetch(`${base}/pypi/${name}/${version}/json`, { signal: AbortSignal.timeout(patienceMs) })
  if (!response.ok) throw new Error(`${base} says nothing of vulnerabilities (${response.status})`)
  const { vulnerabilities = [] } = (await response.json()) as Release
  return vulnerabilities
    .filter(({ withdrawn }) => withdrawn === undefined || withdrawn === null)
    .map(({ id, summary, details = '' }) => ({
      name,
      version,
      id,
      severity: '',
      title: summary ?? details.split('\n')[0] ?? '',
    }))
}
