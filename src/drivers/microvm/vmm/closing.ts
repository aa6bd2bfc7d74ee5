export interface Closable {
  close(): void
}

/** What is to be closed at an end that may come at any moment. */
export interface Closing extends Closable {
  /** Closed at once when the end has been already: what takes a moment to open comes late. */
  add(each: Closable): void
}

export function createClosing(): Closing {
  const open: Closable[] = []
  let isOver = false
  return {
    add(each) {
      if (isOver) each.close()
      else open.push(each)
    },
    close() {
      isOver = true
      for (const each of open.splice(0)) each.close()
    },
  }
}
