import { statSync } from 'node:fs'
import { join } from 'node:path'
import type { Places } from '../../system/places.ts'

/**
 * Where the running sandboxes of this user are found. One directory for each pid namespace: whether a process still lives is
 * seen only from its own, and a container that shares the runtime directory would take the host's sandboxes for dead.
 */
export function registryOf(places: Places, namespace: number = statSync('/proc/self/ns/pid').ino): string {
  return join(places.runtime, `sandboxes-${namespace}`)
}
