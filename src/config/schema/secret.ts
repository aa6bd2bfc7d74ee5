import { secretFault, type SecretWords } from '../../policy/secret-words.ts'
import { field, list, table } from './collections.ts'
import type { Shape } from './shape.ts'
import { choice, flag, text } from './values.ts'

export const secretShape: Shape<SecretWords> = table<SecretWords>(
  {
    from: field(
      text({ what: 'a source', schema: { pattern: '^(env|file|cmd|keyring):.+' } }),
      'Where the secret comes from: `env:NAME`, `file:PATH`, `cmd:PROGRAM WORDS` (no shell) or `keyring:SERVICE/ACCOUNT`.',
    ),
    hosts: field(
      list(text({ what: 'a name with a port' })),
      'The only hosts that it is sent to, `NAME[:PORT]`; without a port it is 443. `network.allow` has to allow them.',
    ),
    header: field(
      text(),
      'The header that it is put into, with the word before it if there is one. Without a place it is `Authorization: Bearer`.',
    ),
    query: field(text(), 'The parameter of the query that it is put into, instead of a header.'),
    basic: field(text(), 'The user whose password it is in HTTP basic authentication, instead of a header.'),
    intercept: field(
      flag(),
      'Lets what the sandbox says to these hosts over TLS be decrypted here, which is what it takes to put something in.',
      false,
    ),
    expose: field(
      choice(['env'], { env: 'the value itself is in the sandbox’s environment, where the server can read it' }),
      'For a server that needs the value itself. Instead of `hosts`.',
    ),
  },
  {
    required: ['from'],
    hints: { host: 'write "hosts": ["api.example.org"]', source: 'write "from"', value: 'a value never stands in a file' },
    check(words, tree, reading) {
      // What is missing or of another kind has been told already.
      if (typeof words.from !== 'string' || tree.entries.some(({ key }) => !Object.hasOwn(words, key))) return
      const fault = secretFault(words)
      if (fault === undefined) return
      const entry = tree.entries.find(({ key }) => key === fault.key)
      const at = entry === undefined ? reading : reading.at(fault.key)
      at.problem(entry?.value.at ?? tree.at, fault.why, fault.fix)
    },
  },
)
