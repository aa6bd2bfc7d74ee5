/** Before each datagram there is its length, in two bytes, the more significant one first. */
const headBytes = 2

/** More than a datagram has (RFC 768, less the headers), and all that two bytes can say. */
export const maxDatagram = 65_535

export function frameOf(datagram: Buffer): Buffer {
  const frame = Buffer.allocUnsafe(headBytes + datagram.length)
  frame.writeUInt16BE(datagram.length, 0)
  datagram.copy(frame, headBytes)
  return frame
}

/**
 * Takes a stream apart, however it was cut; each datagram is the caller's own. Holds the bytes of one that is not whole and
 * nothing else: pieces of a byte each, as a hostile guest may send them, would take a hundred times their size.
 */
export function createFrames(onDatagram: (datagram: Buffer) => void): (chunk: Buffer) => void {
  const head = Buffer.alloc(headBytes)
  let part = head
  let held = 0
  return (chunk) => {
    for (let at = 0; at < chunk.length;) {
      const taken = chunk.copy(part, held, at)
      at += taken
      held += taken
      if (held < part.length) return
      held = 0
      const whole = part === head ? Buffer.allocUnsafe(head.readUInt16BE(0)) : part
      if (part === head && whole.length > 0) part = whole
      else {
        part = head
        onDatagram(whole)
      }
    }
  }
}
