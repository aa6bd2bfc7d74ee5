import type { Inside } from '../../inside/client.ts'
import type { WayIn } from '../publish/way-in.ts'

/** What a connection may reach. */
export interface SshTarget {
  readonly inside: Inside
  readonly ports: WayIn
  /** Where relative paths begin. */
  readonly directory: string
  /** A line for whoever sits at the client. */
  readonly tell: (message: string) => void
}
