import { readFileSync, writeFileSync } from 'node:fs'
import { completed, type Lock } from './packaging/lock.ts'

/**
 * `node tools/complete-lock.ts`, after a change of dependencies: names in package-lock.json the optional packages for other
 * platforms that npm left out. npm does that when they are not in `node_modules` or not on the registry that is used,
 * and `npm ci` then refuses the lock file wherever it can see them.
 */
const file = new URL('../package-lock.json', import.meta.url)
const lock = JSON.parse(readFileSync(file, 'utf8')) as Lock
const { lock: complete, added } = completed(lock)
if (added.length > 0) writeFileSync(file, `${JSON.stringify(complete, null, 2)}\n`)
process.stdout.write(`${added.length} added\n`)
