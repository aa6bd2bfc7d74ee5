import { GloveboxError } from '../errors.ts'
import { secretFault, type SecretWords } from '../policy/secret-words.ts'

/** Keys that may stand among the hosts of the flag. */
const options: readonly string[] = ['header', 'query', 'basic', 'intercept', 'expose']

const usage = '--secret NAME=SOURCE@HOST[,HOST…][,header=…][,intercept=true]'

/**
 * `--secret NAME=SOURCE@HOST[,HOST…][,KEY=VALUE…]`, as a configuration has it. What stands behind the name is never in a
 * message: it may be a value, by mistake.
 * @throws GloveboxError POLICY_INVALID
 */
export function secretsFromFlags(flags: readonly string[]): Readonly<Record<string, SecretWords>> {
  const secrets: Record<string, SecretWords> = {}
  for (const flag of flags) {
    const [, name, rest] = /^([A-Za-z_][A-Za-z0-9_]*)=(.*)$/s.exec(flag) ?? []
    if (name === undefined || rest === undefined) throw wrong('--secret', 'it begins with a name and "="', usage)
    if (Object.hasOwn(secrets, name)) throw wrong(`--secret ${name}`, 'it is given twice', 'write its hosts by commas')
    secrets[name] = secretOf(name, rest)
  }
  return secrets
}

function secretOf(name: string, rest: string): SecretWords {
  // The last one: paths and commands may have others.
  const at = rest.lastIndexOf('@')
  const from = at < 0 ? rest : rest.slice(0, at)
  const items =
    at < 0
      ? []
      : rest
          .slice(at + 1)
          .split(',')
          .filter((item) => item !== '')
  const words: SecretWords = {
    from,
    hosts: items.filter((item) => !item.includes('=')),
    ...Object.fromEntries(items.filter((item) => item.includes('=')).map((item) => optionOf(name, item))),
  }
  const fault = secretFault(words)
  if (fault === undefined) return words.hosts?.length === 0 ? withoutHosts(words) : words
  const isHostless = fault.key === 'hosts' && words.hosts?.length === 0
  const fix = isHostless
    ? `--secret ${name}=SOURCE@HOST, or --secret ${name}=SOURCE@expose=env to put the value itself into the sandbox`
    : fault.key === 'intercept'
      ? `add ",intercept=true": what this sandbox says to the hosts of this secret is then decrypted here`
      : fault.key === 'from'
        ? `--secret ${name}=env:VARIABLE@HOST, or file:PATH, cmd:PROGRAM WORDS, keyring:SERVICE/ACCOUNT`
        : fault.fix
  throw wrong(`--secret ${name}`, fault.why, fix)
}

function withoutHosts({ hosts: _, ...words }: SecretWords): SecretWords {
  return words
}

function optionOf(name: string, item: string): [key: string, value: string | boolean] {
  const cut = item.indexOf('=')
  const [key, value] = [item.slice(0, cut), item.slice(cut + 1)]
  if (!options.includes(key)) {
    throw wrong(
      `--secret ${name}`,
      'behind the "@" stands something that is no host and no option',
      `one of ${options.join(', ')}`,
    )
  }
  if (key === 'expose' && value !== 'env')
    throw wrong(`--secret ${name}`, 'there is only one way to expose it', 'expose=env')
  if (key !== 'intercept') return [key, value]
  if (value === 'true' || value === 'false') return [key, value === 'true']
  throw wrong(`--secret ${name}`, 'intercept is true or false', 'intercept=true')
}

function wrong(what: string, why: string, fix: string): GloveboxError {
  return new GloveboxError('POLICY_INVALID', `${what}: ${why}`, { fix })
}
