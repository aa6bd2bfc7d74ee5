import { usageOf, type CatalogEntry } from '../packages/catalog/entry.ts'
import type { Style } from './style.ts'
import { table } from './table.ts'

export function renderCatalog(entries: readonly CatalogEntry[], style: Style): string {
  const rows = entries.map(({ name, title, sandbox }) => [
    style.bold(name),
    title,
    style.dim((sandbox.network?.allow ?? []).length > 0 ? 'needs the network' : ''),
  ])
  return `${table(rows)}\n`
}

export function renderEntry(entry: CatalogEntry, style: Style): string {
  const { sandbox, parameters = [], variables = [] } = entry
  const rows = [
    ['title', entry.title],
    ['usage', usageOf(entry)],
    ['command', entry.command.join(' ')],
    ...parameters.map(({ name, kind, access, about }) => [
      'parameter',
      `${name}: ${about} (${[kind, access].filter(Boolean).join(', ')})`,
    ]),
    ...variables.map(({ name, about, secret }) => [
      'variable',
      `${name}: ${about}${secret === true ? ' (secret)' : ''}`,
    ]),
    ['programs', (sandbox.exec ?? []).length === 0 ? 'only its interpreter' : (sandbox.exec ?? []).join(', ')],
    ['network', (sandbox.network?.allow ?? []).join(', ') || 'none'],
    [
      'limits',
      Object.entries(sandbox.limits ?? {})
        .map(([key, value]) => `${key} ${value}`)
        .join(', ') || 'the defaults',
    ],
    ...(sandbox.tools?.deny === undefined ? [] : [['hidden tools', sandbox.tools.deny.join(', ')]]),
  ]
  return `${table(rows.map(([label = '', text = '']) => [style.dim(label), text]))}\n`
}
