/**
 * The digits that stand for these bytes wherever they are in a text that is base64 (RFC 4648), at each of the three places
 * in a group of three where they can begin; digits that also depend on what stands beside them are left out.
 */
export function coresOf(bytes: Buffer): Buffer[] {
  return [0, 1, 2].map((before) => {
    const digits = Buffer.concat([Buffer.alloc(before), bytes])
      .toString('base64')
      .replace(/=+$/, '')
    const from = Math.ceil((before * 8) / 6)
    const to = Math.floor(((before + bytes.length) * 8) / 6)
    return Buffer.from(digits.slice(from, to))
  })
}
