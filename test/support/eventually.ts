/** What the question gives as soon as it gives something; the test's own time limit ends a wait in vain. */
export async function eventually<T>(ask: () => T | undefined): Promise<T> {
  for (;;) {
    const answer = ask()
    if (answer !== undefined) return answer
    await new Promise((resolve) => setTimeout(resolve, 3))
  }
}
