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

/** Takes a stream apart, however it was cut. Holds one datagram that is not whole, and nothing else. */
export function createFrames(onDatagram: (datagram: Buffer) => void): (chunk: Buffer) => void {
  let rest: Buffer[] = []
  let held = 0
  let wanted = headBytes
  return (chunk) => {
    rest.push(chunk)
    held += chunk.length
    if (held < wanted) return
    let bytes = rest.length === 1 ? chunk : Buffer.concat(rest)
    for (;;) {
      wanted = bytes.length < headBytes ? headBytes : headBytes + bytes.readUInt16BE(0)
      if (bytes.length < wanted) break
      onDatagram(bytes.subarray(headBytes, wanted))
      bytes = bytes.subarray(wanted)
    }
    rest = bytes.length === 0 ? [] : [bytes]
    held = bytes.length
  }
}
