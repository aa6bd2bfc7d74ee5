import { canonicalAddress } from '../address.ts'

/** The address that a reverse lookup is about (RFC 1035, 3.5; RFC 3596, 2.5), canonical. */
export function addressOfPointer(name: string): string | undefined {
  const [, v4] = /^((?:\d{1,3}\.){4})in-addr\.arpa$/.exec(name) ?? []
  if (v4 !== undefined) return canonicalAddress(v4.split('.').slice(0, 4).reverse().join('.'))
  const [, v6] = /^((?:[0-9a-f]\.){32})ip6\.arpa$/.exec(name) ?? []
  if (v6 === undefined) return undefined
  const digits = v6.split('.').slice(0, 32).reverse().join('')
  return canonicalAddress(digits.replace(/.{4}(?!$)/g, '$&:'))
}

/** The bytes of an address of ours: version 4, or version 6 with at most one `::`. */
export function addressData(address: string): Buffer {
  if (!address.includes(':')) return Buffer.from(address.split('.').map(Number))
  const [head = [], tail = []] = address.split('::').map((half) => half.split(':').filter((group) => group !== ''))
  const groups = [...head, ...Array.from({ length: 8 - head.length - tail.length }, () => '0'), ...tail]
  return Buffer.concat(groups.map((group) => Buffer.from(group.padStart(4, '0'), 'hex')))
}
