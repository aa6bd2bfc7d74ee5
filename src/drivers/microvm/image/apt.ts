import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { namesIn } from '../../../packages/store/staging.ts'
import { readIfThere } from '../../../packages/store/record.ts'
import { runTool } from '../../../system/run-tool.ts'
import { writeWhole } from '../../../system/write-whole.ts'
import { debianSources, parseSources, type AptSource } from './sources.ts'
import { toolPath } from './tools.ts'

/** Files for apt: where packages come from, undefined for mmdebstrap's own idea of it, and how they are reached. */
export interface AptFiles {
  readonly sources: string | undefined
  readonly options: string
}

/** As this host's apt is configured. Written to files that only we read: addresses and proxies may have passwords in them. */
export async function aptFiles(directory: string, suite: string, env: NodeJS.ProcessEnv): Promise<AptFiles> {
  const lines = debianSources(hostSources('/etc/apt'), { codename: hostCodename() }, suite)
  const sources = lines.length === 0 ? undefined : join(directory, 'sources.list')
  if (sources !== undefined) writeWhole(sources, `${lines.join('\n')}\n`)
  const options = join(directory, 'apt.conf')
  writeWhole(options, ['APT::Sandbox::User "root";', ...(await reachability(env)), ''].join('\n'))
  return { sources, options }
}

function hostSources(etc: string): AptSource[] {
  const parts = namesIn(join(etc, 'sources.list.d')).filter((name) => /\.(list|sources)$/.test(name))
  const files = ['sources.list', ...parts.toSorted().map((name) => join('sources.list.d', name))]
  return files.flatMap((name) => parseSources(name, readIfThere(join(etc, name)) ?? ''))
}

/** os-release(5) of a Debian; another system's names are of another archive. */
function hostCodename(): string | undefined {
  const text = readFileSync('/etc/os-release', 'utf8')
  return /^ID=debian$/m.test(text) ? /^VERSION_CODENAME=(\w+)$/m.exec(text)?.[1] : undefined
}

/** What the administrator of this host has set about how archives are reached (apt.conf(5), "THE ACQUIRE GROUP"). */
export async function reachability(env: NodeJS.ProcessEnv): Promise<string[]> {
  const run = await runTool({ file: 'apt-config', args: ['dump', 'Acquire'], cwd: '/', env: { PATH: toolPath(env) } })
  return run.stdout
    .split('\n')
    .filter((line) => /^Acquire::((https?|ftp)(::|-)|Retries|ForceIPv|Check-(Valid-Until|Date))/.test(line))
}
