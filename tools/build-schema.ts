import { readFileSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { directiveTable } from '../src/config/profile/directive-table.ts'
import { configSchemaText } from '../src/config/schema/json-schema.ts'
import { presetTable } from '../src/config/schema/preset-table.ts'
import { keyTables } from '../src/config/schema/key-table.ts'
import { root } from './checks.ts'

/** Writes the JSON Schema of configuration files, and the tables in the documentation; tests hold both to the code. */
const write = (file: string, text: string): void => {
  writeFileSync(path.join(root, file), text)
  process.stdout.write(`${file}\n`)
}

/** Between two comments of a page, which stay. */
function replaced(file: string, name: string, text: string): string {
  const page = readFileSync(path.join(root, file), 'utf8')
  const [begin, end] = [`<!-- ${name}: npm run build:schema -->\n`, `\n<!-- end of ${name} -->`]
  const [from, to] = [page.indexOf(begin) + begin.length, page.indexOf(end)]
  if (page.indexOf(begin) < 0 || to < from) throw new Error(`${file} has no place for ${name}`)
  return page.slice(0, from) + text + page.slice(to)
}

write('schema/glovebox.schema.json', configSchemaText())
write('docs/CONFIGURATION.md', replaced('docs/CONFIGURATION.md', 'keys', keyTables()))
write('docs/network.md', replaced('docs/network.md', 'presets', presetTable()))
write('docs/profiles.md', replaced('docs/profiles.md', 'directives', directiveTable()))
