import { formatBytes } from '../policy/sizes.ts'
import type { Looked } from '../packages/manage/advisories.ts'
import type { ResolutionDiff } from '../packages/manage/diff.ts'
import type { Update } from '../packages/manage/update.ts'
import type { ListedPackage } from '../packages/manage/list.ts'
import type { Resolution } from '../packages/resolution.ts'
import type { Style } from './style.ts'
import { table } from './table.ts'
import { renderTools } from './tools.ts'
import { untrusted } from './untrusted.ts'

export function renderPackages(packages: readonly ListedPackage[], bytes: number, style: Style): string {
  if (packages.length === 0) return 'No packages. `glovebox package install -- npx -y NAME` installs one.\n'
  const rows = packages.map(({ name, version, ecosystem, record, pins }) => [
    untrusted(name),
    untrusted(version),
    ecosystem,
    record === undefined ? style.warn('not installed') : formatBytes(record.bytes),
    pins.length === 0
      ? style.dim('not pinned')
      : untrusted(pins.map(({ request }) => request.packages.join(' + ')).join(', ')),
  ])
  const head = ['name', 'version', 'from', 'size', 'pinned as'].map(style.bold)
  return `${table([head, ...rows])}\n${style.dim(`the store takes ${formatBytes(bytes)}, equal files once`)}\n`
}

export function renderPackage(
  { name, version, key, record, pins }: ListedPackage,
  resolution: Resolution | undefined,
  style: Style,
): string {
  const facts: string[][] = [
    ['package', `${untrusted(name)} ${untrusted(version)}`],
    ['key', key],
  ]
  for (const { request, interpreter, at } of pins) {
    facts.push(['pinned as', untrusted(request.packages.join(' + '))], ['pinned at', at])
    facts.push(['interpreter', `${interpreter.path} (${interpreter.version}, ${interpreter.abi})`])
  }
  if (record !== undefined) {
    facts.push(['size', `${formatBytes(record.bytes)} in ${record.files} files of ${record.packages} packages`])
    facts.push(['executables', untrusted(Object.keys(record.executables).join(', ') || 'none')])
    for (const script of record.scripts)
      facts.push([
        'install script',
        `${untrusted(script.name)} ${untrusted(script.version)}: ${script.ran ? 'was run' : 'was not run'}`,
      ])
  }
  const versions = (resolution?.entries ?? []).map((entry) => [
    `  ${untrusted(entry.name)}`,
    untrusted(entry.version),
    style.dim(untrusted(entry.integrity)),
  ])
  return `${table(facts.map(([label = '', text = '']) => [style.dim(label), text]))}\n${versions.length > 0 ? `${table(versions)}\n` : ''}`
}

export function renderDiff(diff: ResolutionDiff, style: Style): string {
  const rows = [
    ...diff.roots.map(({ name, from, to }) => [style.bold('version'), untrusted(name), untrusted(`${from} → ${to}`)]),
    ...diff.changed.map(({ name, from, to }) => ['changed', untrusted(name), untrusted(`${from} → ${to}`)]),
    ...diff.added.map((name) => [style.good('added'), untrusted(name), '']),
    ...diff.removed.map((name) => ['removed', untrusted(name), '']),
    ...diff.requires.map(({ name, from, to }) => [
      style.warn('needs'),
      untrusted(name),
      untrusted(`${from || 'anything'} → ${to || 'anything'}`),
    ]),
    ...diff.newScripts.map((name) => [style.warn('new install script'), untrusted(name), 'not run unless allowed']),
    ...diff.replaced.map((name) => [
      style.bad('SAME VERSION, OTHER CONTENTS'),
      untrusted(name),
      'do not apply this before you know why',
    ]),
  ]
  return `${table(rows.map((row) => row.map((cell, index) => (index === 0 ? `  ${cell}` : cell))))}\n`
}

export function renderUpdates(updates: readonly Update[], applied: boolean, style: Style): string {
  const changed = updates.filter(({ diff }) => diff !== undefined)
  if (changed.length === 0) return `${updates.length} packages are what they would be\n`
  const parts = changed.map(({ pin, diff, tools }) => {
    const title = pin.roots.map(({ name, version }) => untrusted(`${name} ${version}`)).join(', ')
    return `${style.bold(title)}\n${diff === undefined ? '' : renderDiff(diff, style)}${renderTools(tools, style)}`
  })
  const last = applied ? 'applied and installed' : 'nothing was changed; --yes applies this'
  return `${parts.join('\n')}\n${last}\n`
}

/** The stable shape of a package in JSON. */
export function packageJson({ name, version, ecosystem, key, record, pins }: ListedPackage): object {
  return {
    name,
    version,
    ecosystem,
    key,
    installed: record !== undefined,
    ...(record !== undefined && {
      bytes: record.bytes,
      files: record.files,
      executables: Object.keys(record.executables),
      scripts: record.scripts,
    }),
    pins: pins.map(({ request, interpreter, at, locked }) => ({
      packages: request.packages,
      interpreter: { path: interpreter.path, version: interpreter.version, abi: interpreter.abi },
      at,
      locked: locked === true,
    })),
  }
}

/** What the registries know of the pinned versions; where nobody could be asked, that too. */
export function renderAdvisories(
  checked: readonly { readonly each: ListedPackage; readonly looked: Looked }[],
  style: Style,
): string {
  const lines = checked.flatMap(({ each, looked }) => {
    const title = untrusted(`${each.name} ${each.version}`)
    if (!looked.looked) return [`${title}: ${style.warn('could not look')}: ${untrusted(looked.why)}`]
    if (looked.advisories.length === 0) return [`${title}: nothing is known against it or what it needs`]
    const rows = looked.advisories.map(({ name, version, id, severity, title: what }) => [
      `  ${untrusted(`${name} ${version}`)}`,
      style.bad(untrusted(severity === '' ? 'reported' : severity)),
      untrusted(id),
      untrusted(what),
    ])
    return [style.bold(title), table(rows)]
  })
  return lines.length === 0 ? 'No packages.\n' : `${lines.join('\n')}\n`
}
