import { configShape } from './config.ts'
import type { JsonSchema } from './shape.ts'

/** The keys of a configuration as Markdown tables, one for each table of the file, for the documentation. */
export function keyTables(): string {
  const { definitions, schema } = configShape
  const root = { ...schema, definitions }
  return sections
    .map(([title, at]) => `### ${title}\n\n${tableOf(schemaAt(root, at), root)}`)
    .join('\n\n')
}

const sections: readonly (readonly [title: string, at: readonly string[]])[] = [
  ['The file', []],
  ['`mcpServers.NAME`', ['mcpServers', '*']],
  ['`sandbox` and `defaults`', ['defaults']],
  ['`workspace`', ['defaults', 'workspace']],
  ['`filesystem`', ['defaults', 'filesystem']],
  ['`network`', ['defaults', 'network']],
  ['`network.limits`', ['defaults', 'network', 'limits']],
  ['`limits`', ['defaults', 'limits']],
  ['`tools`', ['defaults', 'tools']],
  ['`secrets.NAME`', ['defaults', 'secrets', '*']],
  ['`microvm`', ['microvm']],
]

function schemaAt(root: JsonSchema, path: readonly string[]): JsonSchema {
  return path.reduce<JsonSchema>((at, key) => {
    const inner = resolved(at, root)
    const next = key === '*' ? inner['additionalProperties'] : (inner['properties'] as JsonSchema)[key]
    return resolved(next as JsonSchema, root)
  }, root)
}

/** Behind a reference, which may stand in `allOf` beside a description. */
function resolved(schema: JsonSchema, root: JsonSchema): JsonSchema {
  const [all] = (schema['allOf'] as JsonSchema[] | undefined) ?? [schema]
  const reference = all?.['$ref']
  if (typeof reference !== 'string') return schema
  return (root['definitions'] as Record<string, JsonSchema>)[reference.replace('#/definitions/', '')] ?? schema
}

function tableOf(schema: JsonSchema, root: JsonSchema): string {
  const properties = Object.entries(schema['properties'] as Record<string, JsonSchema>)
  const rows = properties.map(([key, about]) => {
    const byDefault = about['default'] === undefined ? '' : `\`${JSON.stringify(about['default'])}\``
    return `| \`${key}\` | ${valueOf(about, root)} | ${byDefault} | ${String(about['description'])} |`
  })
  return ['| key | value | default | meaning |', '|---|---|---|---|', ...rows].join('\n')
}

/** What may be written, in a word or two. */
function valueOf(schema: JsonSchema, root: JsonSchema): string {
  const words = schema['enum'] as readonly string[] | undefined
  if (words !== undefined) return words.map((word) => `\`${word}\``).join(', ')
  const inner = resolved(schema, root)
  if (Array.isArray(inner['anyOf']) && inner['type'] === undefined) {
    return [...new Set(inner['anyOf'].map((each: JsonSchema) => valueOf(each, root)))].join(' or ')
  }
  if (inner['type'] === 'array') return `list of ${plural(valueOf(inner['items'] as JsonSchema, root))}`
  if (inner['type'] === 'object') return 'table'
  return { string: 'text', boolean: '`true`, `false`', null: '`null`' }[String(inner['type'])] ?? String(inner['type'])
}

function plural(word: string): string {
  return word === 'text' ? 'texts' : word.startsWith('`') ? `these: ${word}` : `${word}s`
}
