import { writeFileSync } from 'node:fs'
import { fileURLToPath } from 'node:url'
import { configSchemaText } from '../src/config/schema/json-schema.ts'

/** Writes the JSON Schema of configuration files; a test holds it to the code. */
const file = fileURLToPath(new URL('../schema/glovebox.schema.json', import.meta.url))
writeFileSync(file, configSchemaText())
process.stdout.write(`${file}\n`)
