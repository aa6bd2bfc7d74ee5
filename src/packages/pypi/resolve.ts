import { GloveboxError } from '../../errors.ts'
import type { Resolution, Root } from '../resolution.ts'
import type { PipTool } from './pip-tool.ts'
import type { Python } from './pythons.ts'
import { normalName, parseRequirement, renderRequirement } from './requirement.ts'
import { allowsPython } from './specifiers.ts'

/** What is read of pip's installation report (version 1, pip.pypa.io/en/stable/reference/installation-report). */
interface Report {
  readonly install: readonly {
    readonly download_info: { readonly archive_info?: { readonly hashes?: Readonly<Record<string, string>> } }
    readonly is_direct: boolean
    readonly metadata: { readonly name: string; readonly version: string; readonly requires_python?: string }
  }[]
}

/** The newest versions that the requirements allow; which Python there is has no say in it. */
export async function resolveRoots(
  packages: readonly string[],
  pip: PipTool,
  driver: Python,
): Promise<{ roots: Root[]; notes: string[] }> {
  const report = await reportOf(pip, driver.path, ['--no-deps', '--ignore-requires-python', ...packages])
  const roots = packages.map((text): Root => {
    const { name, extras } = parseRequirement(text)
    const found = report.install.find(({ metadata }) => normalName(metadata.name) === name)?.metadata
    return { name, version: found?.version ?? '', requires: found?.requires_python ?? '', extras }
  })
  const notes = await Promise.all(roots.map(async (root, index) => older(root, packages[index] ?? '', pip)))
  return { roots, notes: notes.filter((note) => note !== undefined) }
}

/** A newest version without a wheel is passed over by pip in silence: we say so. */
async function older({ name, version }: Root, asked: string, pip: PipTool): Promise<string | undefined> {
  if (parseRequirement(asked).specifiers !== '') return undefined
  const [newest] = (await pip.versions(name)) ?? []
  if (newest === undefined || newest === version) return undefined
  return `${name}: the newest version ${newest} has no wheel that can be installed here; ${version} is taken`
}

/** All versions below these for one Python, with the hash of the very wheel. */
export async function lockDependencies(roots: readonly Root[], pip: PipTool, python: Python): Promise<Resolution> {
  const requirements = roots.map(({ name, version, extras = [] }) =>
    renderRequirement({ name, extras, specifiers: `==${version}` }),
  )
  const report = await reportOf(pip, python.path, requirements)
  const entries = report.install
    .map(({ metadata, download_info: { archive_info: archive }, is_direct: isDirect }) => {
      const name = normalName(metadata.name)
      const digest = archive?.hashes?.['sha256'] ?? ''
      if (isDirect || !/^[0-9a-f]{64}$/.test(digest)) {
        throw new GloveboxError('REFUSED', `the dependency ${name} has no SHA-256 in the index: it cannot be pinned`, {
          fix: 'choose a version without it',
        })
      }
      return { path: name, name, version: metadata.version, integrity: `sha256:${digest}`, scripts: false }
    })
    .toSorted((a, b) => (a.path < b.path ? -1 : 1))
  return { schema: 'glovebox/resolution/1', ecosystem: 'pypi', roots, entries, abi: python.abi }
}

/** A version or its beginning, or specifiers. */
function isAsked(asked: string, version: string): boolean {
  return /^\d/.test(asked) ? `${version}.`.startsWith(`${asked}.`) : allowsPython(asked, version)
}

async function reportOf(pip: PipTool, target: string, words: readonly string[]): Promise<Report> {
  return JSON.parse(await pip.install(target, ['--dry-run', '--report', '-', ...words])) as Report
}

/**
 * The Python for these packages: what `python3` means when it is allowed, else the newest that is. Never an older version
 * of a package instead.
 * @throws GloveboxError HOST_CANNOT naming what is needed and what is there
 */
export function choosePythons(pythons: readonly Python[], roots: readonly Root[], asked: string | undefined): Python[] {
  const fits = pythons.filter(
    ({ version }) =>
      (asked === undefined || isAsked(asked, version)) &&
      roots.every(({ requires }) => allowsPython(requires, version)),
  )
  if (fits.length > 0) return fits
  const strict = roots.find(({ requires }) => !pythons.some(({ version }) => allowsPython(requires, version)))
  const needed = strict === undefined ? (asked ?? 'another one') : strict.requires
  throw new GloveboxError(
    'HOST_CANNOT',
    `${(strict ?? roots[0])?.name} ${(strict ?? roots[0])?.version} needs Python ${needed}; there is ${pythons.map(({ version }) => version).join(', ') || 'none'}. An older version of it was not taken instead`,
    {
      fix: 'install such a Python (pyenv, uv python install, or your distribution), or name an older version of the package',
    },
  )
}
