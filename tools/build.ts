import { build } from 'esbuild'
import { rmSync } from 'node:fs'
import path from 'node:path'
import { root } from './checks.ts'

/**
 * `npm run build`: src/ as JavaScript in dist/, for the package (Node runs no TypeScript below node_modules).
 *
 * Bundled, because start-up is a feature: resolving and linking some sixty small modules costs `run` and `exec` about
 * 35 ms; in chunks, so that a verb still loads only what it needs. What is small and needed by every start is bundled in;
 * other packages stay packages, loaded by the verb that wants them.
 */
const outdir = path.join(root, 'dist')
rmSync(outdir, { recursive: true, force: true })
const result = await build({
  entryPoints: [path.join(root, 'src/cli.ts')],
  outdir,
  bundle: true,
  splitting: true,
  format: 'esm',
  platform: 'node',
  target: 'node24',
  chunkNames: 'chunks/[name]-[hash]',
  external: ['jsonc-parser', 'smol-toml', 'yaml', 'yauzl', 'semver', '@modelcontextprotocol/*'],
  // commander is CommonJS inside: its require() of built-ins needs one in an ES module.
  banner: {
    js: "import { createRequire as __createRequire } from 'node:module'; const require = __createRequire(import.meta.url);",
  },
  legalComments: 'linked',
  logLevel: 'warning',
})
if (result.errors.length > 0) process.exitCode = 1
