import { createHash } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { tarball, type TarEntry } from './tarball.ts'

export interface FixturePackage {
  readonly name: string
  readonly version: string
  readonly manifest?: Readonly<Record<string, unknown>>
  /** Below the package's root. */
  readonly files?: Readonly<Record<string, string>>
  readonly entries?: readonly TarEntry[]
  /** `latest` is the last one that is given without a tag. */
  readonly tag?: string
  /** Announce this hash instead of the archive's own; null: none at all. */
  readonly integrity?: string | null
  /** Say that the archive is at this address. */
  readonly tarball?: string
}

export interface Registry extends AsyncDisposable {
  readonly url: string
  /** Paths that were asked for. */
  readonly requests: readonly string[]
  /** What was sent as `Authorization`, each once. */
  readonly authorizations: ReadonlySet<string>
  add(fixture: FixturePackage): void
}

/** What `npm audit` is answered, by package. */
export type Advisories = Readonly<
  Record<string, readonly { id: number; url: string; title: string; severity: string; vulnerable_versions: string }[]>
>

/** A registry on the loopback interface, as much of it as npm asks for: packuments and archives. */
export async function npmRegistry(fixtures: readonly FixturePackage[], advisories?: Advisories): Promise<Registry> {
  const packages = [...fixtures]
  const requests: string[] = []
  const authorizations = new Set<string>()
  const server = createServer((request, response) => {
    const path = decodeURIComponent(request.url ?? '/').slice(1)
    requests.push(path)
    const { authorization } = request.headers
    if (authorization !== undefined) authorizations.add(authorization)
    if (path === '-/npm/v1/security/advisories/bulk' && advisories !== undefined) {
      response.setHeader('content-type', 'application/json')
      return void response.end(JSON.stringify(advisories))
    }
    const found = packages.find(({ name, version }) => path === `${name}/-/${version}.tgz`)
    if (found !== undefined) return void response.end(archiveOf(found))
    const versions = packages.filter(({ name }) => name === path)
    if (versions.length === 0) return void response.writeHead(404).end('{"error":"Not found"}')
    response.setHeader('content-type', 'application/json')
    response.end(JSON.stringify(packument(path, versions, `http://${request.headers.host}`)))
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}/`,
    requests,
    authorizations,
    add: (fixture) => void packages.push(fixture),
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

function packument(name: string, versions: readonly FixturePackage[], base: string): object {
  const tags: Record<string, string> = {}
  for (const { tag = 'latest', version } of versions) tags[tag] = version
  return {
    name,
    'dist-tags': tags,
    versions: Object.fromEntries(
      versions.map((fixture) => [
        fixture.version,
        {
          ...manifestOf(fixture),
          dist: {
            tarball: fixture.tarball ?? `${base}/${name}/-/${fixture.version}.tgz`,
            ...(fixture.integrity !== null && { integrity: fixture.integrity ?? hashOf(archiveOf(fixture)) }),
          },
        },
      ]),
    ),
  }
}

function manifestOf({ name, version, manifest }: FixturePackage): Record<string, unknown> {
  const scripts = manifest?.['scripts'] as Record<string, string> | undefined
  const hasInstallScript =
    scripts !== undefined && ['preinstall', 'install', 'postinstall'].some((key) => key in scripts)
  return { name, version, ...manifest, ...(hasInstallScript && { hasInstallScript }) }
}

function archiveOf(fixture: FixturePackage): Buffer {
  const files = Object.entries({ 'package.json': JSON.stringify(manifestOf(fixture)), ...fixture.files })
  const entries = files.map(([path, content]) => ({ path: `package/${path}`, content }))
  return tarball([...entries, ...(fixture.entries ?? [])])
}

function hashOf(bytes: Buffer): string {
  return `sha512-${createHash('sha512').update(bytes).digest('base64')}`
}
