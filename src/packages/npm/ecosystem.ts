import type { Ecosystem, InstallOptions } from '../install.ts'
import { findExecutables } from './executables.ts'
import { installNpm } from './install.ts'
import { chooseNode } from './nodes.ts'
import { whileReachable } from '../reachable.ts'
import { readNpmSettings, type NpmSettings } from './npm-settings.ts'
import { npmTool } from './npm-tool.ts'
import { lockDependencies, resolveRoots } from './resolve.ts'
import { parseNpmSpec } from './spec.ts'

export function npmEcosystem({ store, env, offline, progress, signal }: InstallOptions): Ecosystem {
  let read: Promise<NpmSettings> | undefined
  const settings = async (): Promise<NpmSettings> => (read ??= readNpmSettings(process.execPath, env, signal))
  const npm = (node: string, until = signal) => npmTool({ node, env, offline, settings, signal: until })

  let asked = offline
  /** What needs the registry; one that is not there is found out within seconds, however patient npm is. */
  async function online<T>(name: string, work: (until: AbortSignal | undefined) => Promise<T>): Promise<T> {
    if (asked) return work(signal)
    const done = await whileReachable(
      async () => npm(process.execPath).registry(name),
      async (until) => work(anyOf(signal, until)),
    )
    asked = true
    return done
  }

  return {
    async resolve({ packages }) {
      const { name } = parseNpmSpec(packages[0] ?? '')
      const { roots, notes } = await online(name, async (until) => resolveRoots(packages, npm(process.execPath, until)))
      const interpreter = await chooseNode(store, roots, env)
      const resolution = await lockDependencies(roots, npm(interpreter.path), store)
      return { resolution, interpreter, notes }
    },
    async requireFits({ packages }, { roots }) {
      const { requireRequested } = await import('./requested.ts')
      requireRequested(packages, roots)
    },
    interpreterFor: async (_request, { roots }) => chooseNode(store, roots, env),
    install: async (tree, _key, resolution, { path }) =>
      online(resolution.roots[0]?.name ?? '', async (until) => installNpm(tree, resolution, npm(path, until))),
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
