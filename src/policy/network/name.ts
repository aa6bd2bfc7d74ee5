import { domainToASCII } from 'node:url'
import { mistake, type Mistake, type Reading } from './reading.ts'

/**
 * Under these nobody can register a name: RFC 6761, RFC 6762, and `internal` by a resolution of ICANN of 2024.
 * A wildcard right below any other top-level name would be one for names of strangers.
 */
const nobodys: ReadonlySet<string> = new Set(['internal', 'local', 'localhost', 'test'])

/** A name as it is compared: lower case, A-labels, no final dot. */
export function readName(text: string): Reading<string> {
  const ascii = toAscii(text.replace(/\.$/, ''))
  if (ascii === undefined)
    return mistake('has characters that no name has', 'write the name as DNS has it: letters, digits and "-"')
  const name = ascii.toLowerCase()
  const wrong = wrongLabels(name)
  return wrong === undefined ? { value: name } : { mistake: wrong }
}

/** What stands behind `*.`; `anywhere`: also right below a top-level name, where it closes and does not open. */
export function readBelow(text: string, anywhere: boolean): Reading<string> {
  const read = readName(text)
  if (read.mistake !== undefined || anywhere || read.value.includes('.') || nobodys.has(read.value)) return read
  return mistake(
    `would be every name under ".${read.value}", whoever it belongs to`,
    `name what is meant, such as "*.example.${read.value}"`,
  )
}

/**
 * What is not ASCII goes through the mapping of browsers (UTS 46), which also knows other dots and wide digits: what comes
 * out is looked at again. ASCII does not: there the function would decode, cut and read numbers.
 */
function toAscii(text: string): string | undefined {
  if (/^[\u{0}-\u{7f}]*$/u.test(text)) return text
  // A URL's other parts, and an escape of one, must not be cut off and forgotten.
  if (/[\s/\\:@?#%[\]<>^|]/.test(text)) return undefined
  const ascii = domainToASCII(text)
  return ascii === '' ? undefined : ascii
}

function wrongLabels(name: string): Mistake | undefined {
  const told = (why: string, fix: string): Mistake => ({ why, fix })
  if (name === '') return told('has no name', 'write a name, such as "api.github.com"')
  if (name.includes('*')) {
    return told('has a "*" that is not its whole first label', 'write "*.example.org" for all names below example.org')
  }
  if (name.length > 253) return told('is longer than the 253 characters that a name can have', 'correct the name')
  const labels = name.split('.')
  if (labels.includes('')) return told('has two dots together, or one in front', 'correct the name')
  const long = labels.find((label) => label.length > 63)
  if (long !== undefined) return told('has a part of more than 63 characters between its dots', 'correct the name')
  // An underscore is in no host name of RFC 952, and in many of DNS.
  if (labels.some((label) => !/^[a-z0-9_-]*$/.test(label))) {
    return told(
      'has characters that no name has',
      'write a name alone, such as "api.github.com", with a port behind a colon if it is not 443',
    )
  }
  if (labels.some((label) => /^-|-$/.test(label)))
    return told('has a part that begins or ends with "-"', 'correct the name')
  return endsInNumber(name)
}

/**
 * A last label that is a number makes it an address to `inet_aton` and to browsers (URL standard, "ends in a number checker"):
 * octal, hexadecimal, or with fewer parts than four. Such a text must be neither a name nor guessed.
 */
function endsInNumber(name: string): Mistake | undefined {
  if (!/(^|\.)(\d+|0x[0-9a-f]*)$/.test(name)) return undefined
  const url = `http://${name}/`
  if (!URL.canParse(url))
    return {
      why: 'is no address, and ends in a number, which no name does',
      fix: 'write an address as "10.0.0.5", or a name',
    }
  const { hostname } = new URL(url)
  return { why: `is an oddly written address: ${hostname}`, fix: `write ${hostname} if that is what is meant` }
}
