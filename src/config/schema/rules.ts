import type { Reading } from '../../policy/network/reading.ts'
import { readPublish } from '../../policy/network/publish.ts'
import { presets } from '../../policy/network/presets.ts'
import { readPrivateRange, readResolver } from '../../policy/network/resolver.ts'
import { readRule } from '../../policy/network/rule.ts'
import type { Side } from '../../policy/network.ts'
import { readRules } from '../../policy/network/words.ts'
import type { JsonSchema, Shape } from './shape.ts'
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

/** `NAME[:PORTS]`, `*.NAME[:PORTS]`, `ADDRESS[/PREFIX][:PORTS]`, `[IPv6][:PORTS]`; with `presets` also `preset:NAME`. */
export function networkRule(side: Side, options: { readonly presets: boolean }): Shape<string> {
  const names = options.presets ? Object.keys(presets).map((name) => `preset:${name}`) : []
  return told(
    'a name with an optional port',
    (value) => (options.presets ? readRules(value, side) : readRule(value, side)),
    // What editors offer to put in.
    { examples: ['api.github.com', '*.example.org:443,8443', '10.0.0.5:5432', 'ntp.example.org:123/udp', ...names] },
  )
}

/** `10.0.0.0/8`, `fd00::/8`. */
export function addressRange(): Shape<string> {
  return told('a range of addresses', readPrivateRange)
}

/** The address of a name server, with an optional port. */
export function resolver(): Shape<string> {
  return told('the address of a name server', readResolver)
}

/** `[ADDRESS:][HOSTPORT:]PORT`. */
export function publishedPort(): Shape<string> {
  return told('a port to publish', readPublish, { examples: ['8080:3000', '0:3000'] })
}

function told(what: string, read: (value: string) => Reading<unknown>, schema: JsonSchema = {}): Shape<string> {
  return text({
    what,
    schema,
    check(value) {
      const { mistake } = read(value)
      return mistake && [`${quoted(value)} ${mistake.why}`, mistake.fix]
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
