import { isIP } from 'node:net'
import type { Shape } from './shape.ts'
import { text } from './values.ts'
import { quoted, type Wrong } from './words.ts'

/** A path on the host: absolute, below `~/`, or relative. */
export function hostPath(): Shape<string> {
  return text({ what: 'a path', check: (value) => wrongPath(value) })
}

function wrongPath(value: string): Wrong {
  if (value.trim() === '') return ['this path is empty', 'write a path']
  if (/^~[^/]/.test(value)) return [`${quoted(value)} names another user's home`, 'write the path in full']
  return unexpanded(value)
}

/**
 * Other clients replace these before they start a server. Passing them on as they are would start something else
 * than was meant, in silence.
 */
export function unexpanded(value: string): Wrong {
  const found = /\$\{(?:env:|input:|workspaceFolder|userHome|config:|command:)[^}]*\}?/.exec(value)?.[0]
  if (found === undefined) return undefined
  return [`${quoted(found)} is not replaced here`, 'write the value; in "env", "${env:NAME}" alone copies a variable']
}

/** `NAME[:PORT]`, `*.NAME[:PORT]`, `ADDRESS[:PORT]`, `[IPv6][:PORT]`. */
export function networkRule(): Shape<string> {
  return text({
    what: 'a name with an optional port',
    check(value) {
      const match = /^(?:\[([^\]]+)\]|([^:[\]]+))(?::(\d{1,5}))?$/.exec(value)
      const [, v6, name, port] = match ?? []
      const sound = v6 === undefined ? name !== undefined && isHostName(name) : isIP(v6) === 6
      if (match && sound && (port === undefined || isPort(Number(port)))) return undefined
      return [
        `${quoted(value)} is not a name or address with a port`,
        'such as "api.github.com", "*.example.org:443", "10.0.0.5:5432" or "[2001:db8::1]:443"; without a port it is 443',
      ]
    },
  })
}

function isHostName(name: string): boolean {
  const labels = (name.startsWith('*.') ? name.slice(2) : name).split('.')
  return name.length <= 253 && labels.every((label) => /^[A-Za-z0-9_]([A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?$/.test(label))
}

function isPort(port: number): boolean {
  return port >= 1 && port <= 65_535
}

/** `10.0.0.0/8`, `fd00::/8`. */
export function addressRange(): Shape<string> {
  return text({
    what: 'a range of addresses',
    check(value) {
      const [address = '', bits, ...more] = value.split('/')
      const version = isIP(address)
      const whole = more.length === 0 && bits !== undefined && /^\d{1,3}$/.test(bits)
      if (version !== 0 && whole && Number(bits) <= (version === 4 ? 32 : 128)) return undefined
      return [`${quoted(value)} is not a range of addresses`, 'such as "10.0.0.0/8" or "fd00::/8"']
    },
  })
}

/** The address of a name server, with an optional port. */
export function resolver(): Shape<string> {
  return text({
    what: 'the address of a name server',
    check(value) {
      const match = /^(?:\[([^\]]+)\]:(\d{1,5})|([\d.]+):(\d{1,5})|(.+))$/.exec(value)
      const address = match?.[1] ?? match?.[3] ?? match?.[5] ?? ''
      const port = match?.[2] ?? match?.[4]
      if (isIP(address) !== 0 && (port === undefined || isPort(Number(port)))) return undefined
      return [`${quoted(value)} is not the address of a name server`, 'such as "9.9.9.9" or "[2620:fe::fe]:53"']
    },
  })
}

/** A program: a name that is looked up in PATH, or a path. */
export function program(): Shape<string> {
  return text({
    what: 'the name of a program',
    check: (value) =>
      value.trim() === '' ? ['this name is empty', 'write the name of a program, or its path'] : unexpanded(value),
  })
}

/** Names of tools; `*` stands for any run of characters. */
export function toolPattern(): Shape<string> {
  return text({
    what: 'the name of a tool',
    check: (value) => (value === '' ? ['this name is empty', 'write the name of a tool, or "*" for all'] : undefined),
  })
}
