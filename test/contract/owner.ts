import { loadDriver } from '../../src/drivers/registry.ts'
import { createContract } from './context.ts'

/** A process that owns a sandbox and does nothing about its own end: `owner.ts DRIVER SECONDS`. */
const [name = '', seconds = ''] = process.argv.slice(2)
const { plan, start } = createContract(await loadDriver(name))
// A child that nobody waits for, and one that ignores every polite signal.
const { wall } = await start(
  plan(['sh', '-c', `trap "" TERM INT HUP; setsid sleep ${seconds} & sleep ${seconds}; wait`]),
)
process.stdout.write(`started ${wall.pid}\n`)
setInterval(() => undefined, 1000)
