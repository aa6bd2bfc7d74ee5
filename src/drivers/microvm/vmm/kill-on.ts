import type { Machine } from './machine.ts'

/** Ends a machine when its owner does not want it any more. @returns what stops that */
export function killOn(signal: AbortSignal, machine: Pick<Machine, 'kill'>): () => void {
  const kill = (): void => void machine.kill()
  signal.addEventListener('abort', kill, { once: true })
  if (signal.aborted) kill()
  return () => signal.removeEventListener('abort', kill)
}
