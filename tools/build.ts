import { build, type BuildOptions, type Plugin } from 'esbuild'
import { readFileSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import { root } from './checks.ts'
import { buildInTwoParts } from './packaging/two-parts.ts'

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

/** Of a command, a package or a configured server, in the jail, without network and workspace: what those need is read when they are asked for. */
const whatEveryStartImports = [
  'src/commands/run.ts',
  'src/commands/exec.ts',
  'src/config/start.ts',
  'src/config/exec-inside.ts',
  'src/config/find.ts',
  'src/config/servers.ts',
  'src/config/json/tree.ts',
  'src/config/toml/tree.ts',
  'src/config/yaml/tree.ts',
  'src/config/trust/confine.ts',
  'src/packages/catalog/from-words.ts',
  'src/packages/start.ts',
  'src/runtime/prepare.ts',
  'src/runtime/run-server.ts',
  'src/runtime/run-program.ts',
  'src/runtime/running/list.ts',
  'src/drivers/jail/jail-driver.ts',
  'src/guard/guard.ts',
  'src/guard/pipe.ts',
  'src/guard/log-lines.ts',
]

/** A library that only `ssh` needs, with native parts that it does without: one file, so that nobody has to install it. */
const bundled: Plugin = {
  name: 'bundled',
  setup: (building) => building.onResolve({ filter: /^ssh2$/ }, () => ({ path: './ssh2.cjs', external: true })),
}

const moduleUrl = "const moduleUrl = require('node:url').pathToFileURL(__filename).href;"
/** What Node puts around a module, where bin/compiled.cjs runs it. */
const [opening, closing] = ['(function (exports, require, module, __filename, __dirname) {', '})']

const options = {
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
  // What an ES module has by itself.
  define: { 'import.meta.url': 'moduleUrl' },
  // V8 keeps the source of whatever may still be called: short names are a third of it. The map has the real ones.
  minify: true,
  sourcemap: true,
  legalComments: 'linked',
  logLevel: 'warning',
} as const satisfies BuildOptions

await build({
  ...options,
  entryPoints: [path.join(root, 'src/cli.ts')],
  outfile: path.join(outdir, 'cli.cjs'),
  plugins: [bundled],
  banner: { js: moduleUrl },
})

await buildInTwoParts({
  root,
  entry: 'src/cli.ts',
  always: whatEveryStartImports,
  files: { start: path.join(outdir, 'run.cjs'), more: path.join(outdir, 'run-more.cjs') },
  options: { ...options, plugins: [startsOnly, bundled], banner: { js: opening + moduleUrl }, footer: { js: closing } },
})

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
