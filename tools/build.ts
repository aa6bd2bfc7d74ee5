import { rmSync } from 'node:fs'
import path from 'node:path'
import { root } from './checks.ts'
import { finish, report } from './outcome.ts'

/** `npm run build`: src/ as JavaScript in dist/, one file for one, for the package (Node runs no TypeScript below node_modules). */
rmSync(path.join(root, 'dist'), { recursive: true, force: true })
const program = path.join(root, 'node_modules', '.bin', 'tsc')
const outcome = await finish({ name: 'dist', program, args: ['--project', 'tsconfig.build.json'], cwd: root })
report(outcome)
if (!outcome.ok) process.exitCode = 1
