import type { Ecosystem, InstallOptions } from '../install.ts'
import { findExecutables } from './executables.ts'
import { installNpm } from './install.ts'
import { chooseNode } from './nodes.ts'
import { endpointOf, offlineError, whileReachable } from '../reachable.ts'
import { npmTool } from './npm-tool.ts'
import { lockDependencies, resolveRoots, type ResolvedRoots } from './resolve.ts'
import { parseNpmSpec } from './spec.ts'

export function npmEcosystem({ store, env, offline, progress, signal }: InstallOptions): Ecosystem {
  const npm = (node: string, until = signal) => npmTool({ node, env, offline, signal: until })

  /** Which versions are meant; a registry that is not there is found out within seconds, however patient npm is. */
  async function rootsOf(packages: readonly string[]): Promise<ResolvedRoots> {
    const [first = ''] = packages
    const { name } = parseNpmSpec(first)
    let url = ''
    return whileReachable(
      async () => {
        const registry = await npm(process.execPath).registry(name)
        url = registry.url
        return endpointOf(registry.via ?? registry.url)
      },
      (why) => offlineError(url, why),
      async (until) => resolveRoots(packages, npm(process.execPath, anyOf(signal, until))),
    )
  }

  return {
    async resolve({ packages }) {
      const { roots, notes } = await rootsOf(packages)
      const interpreter = await chooseNode(store, roots, env)
      const resolution = await lockDependencies(roots, npm(interpreter.path))
      return { resolution, interpreter, notes }
    },
    async requireFits({ packages }, { roots }) {
      const { requireRequested } = await import('./requested.ts')
      requireRequested(packages, roots)
    },
    interpreterFor: async (_request, { roots }) => chooseNode(store, roots, env),
    install: async (tree, _key, resolution, { path }) => installNpm(tree, resolution, npm(path)),
    async build(tree, resolution, { path }, allowed) {
      const { buildAllowed } = await import('./build.ts')
      await buildAllowed(tree, resolution, { allowed, node: path, env, progress, signal })
    },
    describe: (tree, { roots, entries }) => ({
      executables: findExecutables(tree, roots),
      scripts: entries.filter(({ scripts }) => scripts).map(({ name, version }) => ({ name, version, ran: false })),
    }),
    allowedLinks: new Set(),
  }
}

function anyOf(...signals: readonly (AbortSignal | undefined)[]): AbortSignal {
  return AbortSignal.any(signals.filter((each) => each !== undefined))
}
