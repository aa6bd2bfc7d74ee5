import { GloveboxError } from '../errors.ts'
import type { Driver, DriverName } from './driver.ts'

/** The only place that knows drivers by name. Each is loaded when it is asked for. */
const loaders: Readonly<Partial<Record<DriverName, () => Promise<Driver>>>> = {
  jail: async () => (await import('./jail/jail-driver.ts')).createJailDriver(process.env),
}

const planned: readonly DriverName[] = ['container', 'microvm', 'kubernetes']

export const driverNames: readonly DriverName[] = ['jail', ...planned]

/** @throws GloveboxError HOST_CANNOT for a driver that this version does not have, USAGE for a name that is none */
export async function loadDriver(name: string): Promise<Driver> {
  const known = driverNames.find((driver) => driver === name)
  if (known === undefined) {
    throw new GloveboxError('USAGE', `--driver: "${name}" is not a driver`, {
      fix: `choose one of ${driverNames.join(', ')}`,
    })
  }
  const load = loaders[known]
  if (!load) {
    throw new GloveboxError('HOST_CANNOT', `--driver ${known}: this version of Glovebox does not have that driver`, {
      fix: `use --driver ${Object.keys(loaders).join(' or ')}`,
    })
  }
  return load()
}

/** Whether this version has that driver. */
export function hasDriver(name: DriverName): boolean {
  return loaders[name] !== undefined
}
