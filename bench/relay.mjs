// The least that any wrapper in Node does: starts the command behind it and passes bytes on, both ways. Nothing is looked at.
import { spawn } from 'node:child_process'

const [program, ...words] = process.argv.slice(2)
const child = spawn(program, words, { stdio: ['pipe', 'pipe', 'inherit'] })
process.stdin.pipe(child.stdin)
child.stdout.pipe(process.stdout)
child.once('exit', (code) => (process.exitCode = code ?? 1))
