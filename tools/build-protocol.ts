import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { root } from './checks.ts'
import { protocolText, target } from './protocol/protocol.ts'

/** `npm run build:protocol`: the TypeScript types of the channel, from its protocol file; a test holds one to the other. */
writeFileSync(path.join(root, target), protocolText())
process.stdout.write(`${target}\n`)
