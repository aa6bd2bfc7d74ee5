import { posix } from 'node:path'
import { statInside } from '../../../inside/files.ts'
import type { Inside } from '../../../inside/client.ts'
import type { SystemPath } from '../../../policy/host-facts.ts'
import { systemConfiguration, systemPrograms } from '../../../policy/system-paths.ts'
import { pathInGuest, type Division } from './guest-plan.ts'

/** Links that lead to links: more than any distribution has. */
const maxLinks = 8

/** What of a sandbox's read-only system the guest's root has: looked up once, when its template is made. */
export async function inspectGuestSystem(inside: Inside): Promise<SystemPath[]> {
  const found = await Promise.all([
    // Links among them are made by the launcher.
    ...systemPrograms.map(async (path) => present(inside, path, true)),
    ...systemConfiguration.map(async (path) => present(inside, path, false)),
  ])
  return found.filter((path) => path !== undefined)
}

/** Of what a plan asks for in its guest, what is there. */
export async function presentIn(inside: Inside, division: Division): Promise<ReadonlySet<string>> {
  const found = await Promise.all(
    division.asked.map(async (path) => {
      const info = await statInside(inside.connection, pathInGuest(path, division), { follow: true })
      return info === undefined ? [] : [path]
    }),
  )
  return new Set(found.flat())
}

async function present(inside: Inside, path: string, exec: boolean): Promise<SystemPath | undefined> {
  let source = path
  for (let links = 0; links < maxLinks; links++) {
    const info = await statInside(inside.connection, source, { follow: false })
    if (info === undefined) return undefined
    if (info.kind !== 'symlink') return { path, source, exec }
    if (exec) return undefined
    source = posix.resolve(posix.dirname(source), Buffer.from(info.link).toString('utf8'))
  }
  return undefined
}
