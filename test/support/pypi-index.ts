import { createHash } from 'node:crypto'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { zip } from './zip.ts'

export interface FixtureWheel {
  readonly name: string
  readonly version: string
  readonly requires?: readonly string[]
  readonly requiresPython?: string
  /** `py3-none-any` */
  readonly tag?: string
  readonly scripts?: Readonly<Record<string, string>>
  readonly files?: Readonly<Record<string, string>>
  /** Serve a source archive instead of a wheel. */
  readonly source?: boolean
  readonly vulnerabilities?: readonly object[]
  /** Announce another hash than the file's. */
  readonly wrongHash?: boolean
  /** Say that the file is below this address. */
  readonly base?: string
}

export interface PypiIndex extends AsyncDisposable {
  readonly url: string
  readonly requests: readonly string[]
}

/** An index on the loopback interface (PEP 503), with wheels made of a few files. */
export async function pypiIndex(wheels: readonly FixtureWheel[]): Promise<PypiIndex> {
  const requests: string[] = []
  const server = createServer((request, response) => {
    const path = decodeURIComponent(request.url ?? '')
    requests.push(path)
    const file = wheels.find((wheel) => path === `/files/${fileName(wheel)}`)
    if (file !== undefined) return void response.end(wheelOf(file))
    const release = /^\/pypi\/([^/]+)\/([^/]+)\/json$/.exec(path)
    if (release !== null) {
      const of = wheels.find(({ name, version }) => name === release[1] && version === release[2])
      if (of === undefined) return void response.writeHead(404).end()
      return void response.end(JSON.stringify({ vulnerabilities: of.vulnerabilities ?? [] }))
    }
    const found = wheels.filter(({ name }) => path === `/simple/${name}/`)
    if (found.length === 0) return void response.writeHead(404).end()
    response.setHeader('content-type', 'text/html')
    response.end(`<!DOCTYPE html><html><body>${found.map(link).join('\n')}</body></html>`)
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  const { port } = server.address() as AddressInfo
  return {
    url: `http://127.0.0.1:${port}/simple/`,
    requests,
    async [Symbol.asyncDispose]() {
      server.closeAllConnections()
      await new Promise((resolve) => server.close(resolve))
    },
  }
}

function link(wheel: FixtureWheel): string {
  const requires = wheel.requiresPython?.replaceAll('>', '&gt;').replaceAll('<', '&lt;')
  const digest = wheel.wrongHash === true ? 'a'.repeat(64) : sha256(wheelOf(wheel)).toString('hex')
  const attribute = requires === undefined ? '' : ` data-requires-python="${requires}"`
  return `<a href="${wheel.base ?? ''}/files/${fileName(wheel)}#sha256=${digest}"${attribute}>${fileName(wheel)}</a>`
}

function fileName({ name, version, tag = 'py3-none-any', source }: FixtureWheel): string {
  const stem = `${name.replaceAll('-', '_')}-${version}`
  return source === true ? `${stem}.tar.gz` : `${stem}-${tag}.whl`
}

function wheelOf({
  name,
  version,
  requires = [],
  requiresPython,
  scripts = {},
  files = {},
  tag,
}: FixtureWheel): Buffer {
  const info = `${name.replaceAll('-', '_')}-${version}.dist-info`
  const metadata = [
    'Metadata-Version: 2.1',
    `Name: ${name}`,
    `Version: ${version}`,
    ...(requiresPython === undefined ? [] : [`Requires-Python: ${requiresPython}`]),
    ...requires.map((requirement) => `Requires-Dist: ${requirement}`),
  ]
  const points = Object.entries(scripts).map(([script, target]) => `${script} = ${target}\n`)
  const all: Record<string, string> = {
    ...files,
    [`${info}/METADATA`]: `${metadata.join('\n')}\n`,
    [`${info}/WHEEL`]: `Wheel-Version: 1.0\nGenerator: test\nRoot-Is-Purelib: true\nTag: ${tag ?? 'py3-none-any'}\n`,
    ...(points.length > 0 && { [`${info}/entry_points.txt`]: `[console_scripts]\n${points.join('')}` }),
  }
  const record = Object.entries(all).map(
    ([path, text]) => `${path},sha256=${sha256(text).toString('base64url')},${Buffer.byteLength(text)}\n`,
  )
  all[`${info}/RECORD`] = `${record.join('')}${info}/RECORD,,\n`
  return zip(Object.entries(all).map(([path, content]) => ({ name: path, content })))
}

function sha256(data: string | Buffer): Buffer {
  return createHash('sha256').update(data).digest()
}
