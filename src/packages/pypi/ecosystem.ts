import { closeSync, openSync, readSync } from 'node:fs'
import { join } from 'node:path'
import { GloveboxError } from '../../errors.ts'
import type { Ecosystem, InstallOptions } from '../install.ts'
import { offlineError, proxyFor, whileReachable } from '../reachable.ts'
import type { Resolution } from '../resolution.ts'
import type { Executable } from '../store/record.ts'
import { treeOf } from '../store/record.ts'
import { executablesOf, installPypi } from './install.ts'
import type { PipSettings } from './pip-settings.ts'
import { pipTool, type PipTool } from './pip-tool.ts'
import { findPythons, pipDriver, type Python } from './pythons.ts'
import { parseRequirement } from './requirement.ts'
import { choosePythons, lockDependencies, resolveRoots } from './resolve.ts'

export function pypiEcosystem({ store, env, signal, progress, offline }: InstallOptions): Ecosystem {
  let found: Promise<Python[]> | undefined
  /** Asking each of them takes a while; they do not change while we install. */
  const pythonsHere = async (): Promise<Python[]> => (found ??= findPythons(env))
  let index: Promise<string> | undefined
  let settings: Promise<PipSettings> | undefined
  const remembered = {
    index: async (read: () => Promise<string>) => (index ??= read()),
    settings: async (read: () => Promise<PipSettings>) => (settings ??= read()),
  }
  const pip = (driver: Python, until = signal) => pipTool({ driver, env, ...remembered, signal: until })

  let asked = false
  /** What needs the index; one that is not there is found out within seconds, however patient pip is. */
  async function online<T>(driver: Python, work: (pip: PipTool) => Promise<T>): Promise<T> {
    if (asked) return work(pip(driver))
    if (offline) throw offlineError(await pip(driver).index(), 'asked to stay offline')
    const done = await whileReachable(
      async () => {
        const url = await pip(driver).index()
        return { url, via: proxyFor(url, env) }
      },
      async (until) => work(pip(driver, AbortSignal.any([until, ...(signal === undefined ? [] : [signal])]))),
    )
    asked = true
    return done
  }

  /** The first Python for which all dependencies have wheels: a new one often has to wait for theirs. */
  async function lockFor(candidates: readonly Python[], roots: Resolution['roots'], driver: Python) {
    let first: unknown
    for (const python of candidates.slice(0, 3)) {
      try {
        return { python, resolution: await lockDependencies(roots, pip(driver), python) }
      } catch (error) {
        first ??= error
        if (!(error instanceof GloveboxError && error.code === 'NOT_FOUND')) throw error
        progress(`not all of it has wheels for Python ${python.minor}`)
      }
    }
    throw first
  }

  return {
    async resolve({ packages, python: asked }) {
      const pythons = await pythonsHere()
      const driver = pipDriver(pythons)
      const { roots, notes } = await online(driver, async (until) => resolveRoots(packages, until, driver))
      const { python, resolution } = await lockFor(choosePythons(pythons, roots, asked), roots, driver)
      return { resolution, interpreter: python, notes }
    },
    async requireFits({ packages }, { roots, entries }) {
      const names = packages.map((text) => parseRequirement(text).name)
      const fits = names.length === roots.length && names.every((name, index) => roots[index]?.name === name)
      const isThere = roots.every((root) =>
        entries.some((entry) => entry.name === root.name && entry.version === root.version),
      )
      if (fits && isThere) return
      throw new GloveboxError('REFUSED', `the lock has other packages than ${packages.join(', ')}`, {
        fix: 'write it anew: glovebox package lock -- COMMAND',
      })
    },
    async interpreterFor(_request, { abi, roots }) {
      const found = (await pythonsHere()).find((python) => python.abi === abi)
      if (found !== undefined) return found
      throw new GloveboxError(
        'HOST_CANNOT',
        `${roots[0]?.name} is pinned for ${abi}, and there is no such Python here`,
        {
          fix: 'install that Python, or resolve anew for what is here: glovebox package update --yes',
        },
      )
    },
    async install(tree, key, resolution, interpreter) {
      const driver = pipDriver(await pythonsHere())
      await online(driver, async (until) =>
        installPypi(tree, treeOf(store, key), { resolution, interpreter, pip: until, env }),
      )
    },
    async build(_tree, { roots }) {
      await Promise.reject(
        new GloveboxError('USAGE', `${roots[0]?.name} is made of wheels: they have no install scripts`, {
          fix: 'leave --allow-scripts out',
        }),
      )
    },
    describe(tree, { roots }) {
      const found = executablesOf(
        tree,
        roots.map(({ name }) => name),
      )
      const executables = [...found].map(([name, distribution]): [string, Executable] => {
        const path = join('bin', name)
        return [name, { package: distribution, path, interpreterArgs: isPython(join(tree, path)) ? [] : null }]
      })
      return { executables: Object.fromEntries(executables), scripts: [] }
    },
    allowedLinks: new Set(['bin/python']),
  }
}

function isPython(path: string): boolean {
  const head = Buffer.alloc(64)
  const fd = openSync(path, 'r')
  try {
    return head.toString('latin1', 0, readSync(fd, head, 0, 64, 0)).startsWith('#!/usr/bin/env python')
  } finally {
    closeSync(fd)
  }
}
