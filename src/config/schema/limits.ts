import { defaultLimits, fewestOpenFiles } from '../../policy/policy.ts'
import { formatBytes } from '../../policy/sizes.ts'
import { field, table } from './collections.ts'
import type { Shape } from './shape.ts'
import { duration, number, size } from './values.ts'

/** Bytes, milliseconds, counts: the units are read already. */
export interface LimitsConfig {
  readonly memory?: number
  readonly cpus?: number
  readonly pids?: number
  readonly disk?: number
  readonly openFiles?: number
  readonly time?: number
  readonly idle?: number
  readonly output?: number
  readonly message?: number
}

const short = (bytes: number): string => formatBytes(bytes).replace(/ ([KMGT])iB/, '$1')

export const limitsShape: Shape<LimitsConfig> = table<LimitsConfig>({
  memory: field(
    size(),
    'Memory, shared memory and tmpfs included: `512M`, `1.5G`; a bare number counts MiB.',
    short(defaultLimits.memoryBytes),
  ),
  cpus: field(number({ min: 0.01, max: 1024 }), 'CPUs; may be a fraction.', defaultLimits.cpus),
  pids: field(number({ min: 1, max: 2 ** 31 - 1, whole: true }), 'Processes and threads.', defaultLimits.pids),
  disk: field(
    size(),
    'All that is private and writable: `/tmp`, home, `/dev/shm`. In the jail it is kept in memory, and at most as large.',
    short(defaultLimits.diskBytes),
  ),
  openFiles: field(
    number({ min: fewestOpenFiles, max: 1024 ** 2, whole: true }),
    'Open files of one process.',
    defaultLimits.openFiles,
  ),
  time: field(duration(), 'The longest that one request may take: `60s`, `5m`; a bare number counts seconds.'),
  idle: field(
    duration('10m'),
    'Without a request for so long, a long-lived sandbox is stopped. Means nothing under `run`.',
  ),
  output: field(size(1, '50k'), 'The longest result, in characters; what is longer is cut, and says so.'),
  message: field(
    size(1024 ** 2, '8M'),
    'The largest message; a bare number counts MiB.',
    short(defaultLimits.messageBytes),
  ),
})
