import { build, type Plugin } from 'esbuild'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { root } from './checks.ts'

/**
 * `npm run build [-- DIRECTORY]`: src/ as JavaScript in dist/, for the package (Node runs no TypeScript below node_modules).
 *
 * CommonJS files, because start-up is a feature: resolving and linking some forty modules costs a start 20 ms, and an
 * ES module that imports one of Node's own makes Node load all of that one's parts. What is imported only when it is needed
 * is evaluated only then, and compiled only then: what a start compiled is kept (bin/compiled.cjs). What is small and needed
 * by every start is bundled in; other packages stay packages, loaded by the verb that wants them.
 */
const outdir = path.resolve(process.argv[2] ?? path.join(root, 'dist'))
rmSync(outdir, { recursive: true, force: true })

/**
 * The two verbs that clients wait for have a file of their own, with nothing in it that only other verbs need: less to read
 * and to keep (bin/start.cjs chooses).
 */
const startsOnly: Plugin = {
  name: 'starts-only',
  setup: (building) =>
    building.onResolve({ filter: /^\.\/commands\// }, ({ path: wanted }) =>
      /\/(run|exec)\.ts$/.test(wanted) ? undefined : { path: wanted, external: true },
    ),
}

/** A library that only `ssh` needs, with native parts that it does without: one file, so that nobody has to install it. */
const bundled: Plugin = {
  name: 'bundled',
  setup: (building) => building.onResolve({ filter: /^ssh2$/ }, () => ({ path: './ssh2.cjs', external: true })),
}

const moduleUrl = "const moduleUrl = require('node:url').pathToFileURL(__filename).href;"
/** What Node puts around a module, where bin/compiled.cjs runs it. */
const [opening, closing] = ['(function (exports, require, module, __filename, __dirname) {', '})']

for (const { name, plugins, banner, footer } of [
  { name: 'cli', plugins: [], banner: moduleUrl, footer: '' },
  { name: 'run', plugins: [startsOnly], banner: opening + moduleUrl, footer: closing },
]) {
  const result = await build({
    entryPoints: [path.join(root, 'src/cli.ts')],
    outfile: path.join(outdir, `${name}.cjs`),
    bundle: true,
    format: 'cjs',
    platform: 'node',
    target: 'node24',
    // A script that was compiled before has no `import()` (bin/compiled.cjs): what is external is required when it is asked for.
    supported: { 'dynamic-import': false },
    external: [
      '@bufbuild/protobuf',
      '@bufbuild/protobuf/*',
      'jsonc-parser',
      'smol-toml',
      'yaml',
      'yauzl',
      'semver',
      '@modelcontextprotocol/*',
    ],
    plugins: [...plugins, bundled],
    // What an ES module has by itself.
    define: { 'import.meta.url': 'moduleUrl' },
    banner: { js: banner },
    footer: { js: footer },
    // V8 keeps the source of whatever may still be called: short names are a third of it. The map has the real ones.
    minify: true,
    sourcemap: true,
    legalComments: 'linked',
    logLevel: 'warning',
  })
  if (result.errors.length > 0) process.exitCode = 1
}

await build({
  entryPoints: ['ssh2'],
  absWorkingDir: root,
  outfile: path.join(outdir, 'ssh2.cjs'),
  bundle: true,
  format: 'cjs',
  platform: 'node',
  target: 'node24',
  // Compiled where there is a compiler: a faster cipher, which we do not offer, and the processor's features for choosing it.
  external: ['cpu-features', '*.node'],
  minify: true,
  legalComments: 'none',
  logLevel: 'warning',
})
/** What is in it, and on which terms. */
const parts = ['ssh2', 'asn1', 'bcrypt-pbkdf', 'safer-buffer', 'tweetnacl']
const terms = parts.map(
  (name) => `${name}\n\n${readFileSync(path.join(root, 'node_modules', name, 'LICENSE'), 'utf8')}`,
)
writeFileSync(path.join(outdir, 'ssh2.LICENSES.txt'), terms.join('\n\n'))
