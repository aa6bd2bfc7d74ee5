import { configShape } from './config.ts'
import type { JsonSchema } from './shape.ts'

/** The schema of configuration files for editors. Draft 7: what VS Code, JetBrains, taplo and yaml-language-server read. */
export function configJsonSchema(): JsonSchema {
  return {
    $schema: 'http://json-schema.org/draft-07/schema#',
    title: 'Glovebox configuration',
    description: 'MCP servers and what their sandboxes may do: glovebox.json, glovebox.toml or glovebox.yaml.',
    ...configShape.schema,
    definitions: sorted(configShape.definitions),
  }
}

/** As it stands in `schema/glovebox.schema.json`. */
export function configSchemaText(): string {
  return `${JSON.stringify(configJsonSchema(), null, 2)}\n`
}

function sorted(definitions: Readonly<Record<string, JsonSchema>>): Record<string, JsonSchema> {
  return Object.fromEntries(Object.entries(definitions).toSorted(([a], [b]) => (a < b ? -1 : 1)))
}
