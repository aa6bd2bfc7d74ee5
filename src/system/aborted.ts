/**
 * Settles when a signal is aborted, which it may be already: to be raced with what is not wanted any more then.
 * @throws the signal's reason
 */
export async function aborted(signal: AbortSignal): Promise<never> {
  if (!signal.aborted) {
    await new Promise<void>((resolve) => signal.addEventListener('abort', () => resolve(), { once: true }))
  }
  throw signal.reason
}
