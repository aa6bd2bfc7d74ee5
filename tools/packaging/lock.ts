/** The part of a lock file of version 3 that matters here. */
export interface Lock {
  readonly packages: Readonly<Record<string, LockedPackage>>
}

export interface LockedPackage {
  readonly version?: string
  readonly dev?: boolean
  readonly optional?: boolean
  readonly optionalDependencies?: Readonly<Record<string, string>>
  readonly os?: readonly string[]
  readonly cpu?: readonly string[]
  readonly libc?: readonly string[]
}

/** The same lock file with an entry for each optional package that some package of it names by exact version. */
export function completed(lock: Lock): { lock: Lock; added: readonly string[] } {
  const missing = Object.values(lock.packages).flatMap((owner) =>
    Object.entries(owner.optionalDependencies ?? {})
      .filter(
        ([name, version]) => lock.packages[`node_modules/${name}`] === undefined && /^\d+\.\d+\.\d+$/.test(version),
      )
      .map(([name, version]) => [`node_modules/${name}`, entry(name, version, owner)] as const),
  )
  const packages = Object.entries({ ...lock.packages, ...Object.fromEntries(missing) })
  const sorted = Object.fromEntries(packages.toSorted(([a], [b]) => (a < b ? -1 : 1)))
  return { lock: { ...lock, packages: sorted }, added: missing.map(([name]) => name) }
}

const systems: readonly string[] = ['android', 'darwin', 'freebsd', 'linux', 'openharmony', 'win32']
const processors: readonly string[] = ['arm64', 'arm', 'ia32', 'ppc64', 'riscv64', 's390x', 'x64']

/** What such a package is for is in its name: `@oxfmt/binding-linux-arm64-musl`. */
function entry(name: string, version: string, owner: LockedPackage): LockedPackage {
  const words = (name.split('/').at(-1) ?? '').split('-')
  const os = systems.find((system) => words.includes(system))
  const cpu = processors.find((processor) => words.includes(processor))
  if (os === undefined || cpu === undefined) throw new Error(`${name}: for which platform?`)
  const libc = words.some((word) => word.startsWith('musl'))
    ? ['musl']
    : words.some((word) => word.startsWith('gnu'))
      ? ['glibc']
      : []
  return {
    version,
    cpu: [cpu],
    ...(owner.dev === true ? { dev: true } : {}),
    ...(os === 'linux' && libc.length > 0 ? { libc } : {}),
    optional: true,
    os: [os],
  }
}
