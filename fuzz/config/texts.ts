import type { Random } from '../guard/random.ts'
import { randomRule } from './network.ts'

export type Kind = 'json' | 'toml' | 'yaml' | 'profile' | 'manifest' | 'network'

export const kinds: readonly Kind[] = ['json', 'toml', 'yaml', 'profile', 'manifest', 'network']

/** A text for a parser: now and then sound, mostly damaged, sometimes noise. */
export function randomText(kind: Kind, random: Random): string {
  const base = random.chance(0.1) ? '' : soundText(kind, random)
  const damages = random.chance(0.25) ? 0 : 1 + random.below(4)
  let text = base
  for (let count = 0; count < damages; count++) text = damage(text, kind, random)
  return text
}

const keys: readonly string[] = [
  'mcpServers',
  'defaults',
  'sandbox',
  'command',
  'args',
  'env',
  'limits',
  'memory',
  'cpus',
  'filesystem',
  'read',
  'driver',
  'enabled',
  'memroy',
  '__proto__',
  'constructor',
  'toString',
  'a b',
  'ü',
  '',
]

type Value = string | number | boolean | null | Value[] | { [key: string]: Value }

function value(random: Random, depth: number): Value {
  const choice = random.below(depth > 4 ? 5 : 8)
  switch (choice) {
    case 0:
      return random.pick([
        '',
        'node',
        '512M',
        '60s',
        '*',
        '${env:TOKEN}',
        '~/x',
        'a\nb',
        '\u{1b}[2J',
        '😀',
        '"',
        "'",
        '#',
        ': ',
      ])
    case 1:
      return random.pick([0, 1, -1, 0.5, 512, 1e21, 2 ** 53, -0, 5e-324])
    case 2:
      return random.chance(0.5)
    case 3:
    case 4:
      return random.pick([
        'jail',
        'read',
        'true',
        'null',
        '0x10',
        '012',
        '1_0',
        '.inf',
        '2026-01-01',
        '<<',
        '*x',
        '&x',
        '!x',
      ])
    case 5:
      return Array.from({ length: random.below(4) }, () => value(random, depth + 1))
    default:
      return record(random, depth + 1)
  }
}

function record(random: Random, depth: number): Record<string, Value> {
  const made: Record<string, Value> = Object.create(null)
  for (let count = random.below(4); count >= 0; count--) made[random.pick(keys)] = value(random, depth)
  return made
}

function soundText(kind: Kind, random: Random): string {
  switch (kind) {
    case 'json':
    case 'manifest':
      return json(kind === 'json' ? record(random, 0) : manifest(random), random)
    case 'toml':
      return tomlTable(record(random, 0), '', random)
    case 'yaml':
      return yaml(record(random, 0), '', random)
    case 'network':
      return randomRule(random)
    case 'profile':
      return Array.from({ length: random.below(8) }, () => random.pick(profileLines)).join(random.pick(['\n', '\r\n']))
  }
}

function manifest(random: Random): Record<string, Value> {
  const names = [
    'max_memory_mb',
    'mode',
    'readonly_mounts',
    'env_vars',
    'allowed_tools',
    'max_memory',
    'allowed_egress_ips',
  ]
  return Object.fromEntries(Array.from({ length: random.below(4) }, () => [random.pick(names), value(random, 2)]))
}

const profileLines: readonly string[] = [
  'include common.inc',
  'include p.profile',
  'include more.inc',
  'read-only ${HOME}/notes',
  'whitelist /srv',
  'blacklist /srv/x',
  'noexec /srv',
  'env A=1',
  'env __proto__=1',
  'rmenv A',
  'net none',
  'rlimit-as 1g',
  'rlimit-nproc 99999999999',
  'private-bin sh,cat',
  'dns 9.9.9.9',
  'protocol unix',
  '__proto__ x',
  'constructor',
  '# a comment',
  '\t',
]

function json(inner: Value, random: Random): string {
  const gap = (): string => random.pick(['', '', ' ', '\n', '\t', '/* x */', '// y\n'])
  if (Array.isArray(inner))
    return `[${gap()}${inner.map((item) => json(item, random)).join(`${gap()},${gap()}`)}${gap()}]`
  if (typeof inner !== 'object' || inner === null) return JSON.stringify(inner)
  const entries = Object.entries(inner).map(
    ([key, item]) => `${JSON.stringify(key)}${gap()}:${gap()}${json(item, random)}`,
  )
  return `{${gap()}${entries.join(`,${gap()}`)}${random.chance(0.2) ? ',' : ''}${gap()}}`
}

function tomlTable(table: Record<string, Value>, path: string, random: Random): string {
  const lines = path === '' ? [] : [`[${path}]${random.pick(['', ' # x'])}`]
  const later: string[] = []
  for (const [key, item] of Object.entries(table)) {
    const name = /^[A-Za-z0-9_-]+$/.test(key) ? key : JSON.stringify(key)
    if (isTable(item) && random.chance(0.5)) later.push(tomlTable(item, path === '' ? name : `${path}.${name}`, random))
    else lines.push(`${name} = ${tomlValue(item, random)}${random.pick(['', ' # y'])}`)
  }
  return [...lines, ...later, ''].join(random.pick(['\n', '\n', '\r\n']))
}

function tomlValue(inner: Value, random: Random): string {
  if (inner === null) return random.pick(['nan', 'inf', '""', '2026-01-01', '0x1F', "'''x'''", '"""a\nb"""'])
  if (Array.isArray(inner))
    return `[${inner.map((item) => tomlValue(item, random)).join(random.pick([', ', ',\n', ',# z\n']))}]`
  if (!isTable(inner)) return typeof inner === 'string' && random.chance(0.2) ? `'${inner}'` : JSON.stringify(inner)
  const pairs = Object.entries(inner).map(([key, item]) => `${JSON.stringify(key)} = ${tomlValue(item, random)}`)
  return `{ ${pairs.join(', ')} }`
}

function yaml(inner: Value, indent: string, random: Random): string {
  if (isTable(inner) && random.chance(0.7)) {
    const entries = Object.entries(inner).map(([key, item]) => {
      const name = /^[A-Za-z_]+$/.test(key) ? key : JSON.stringify(key)
      return `${indent}${name}:${random.pick(['', ' # x'])}${isTable(item) ? '\n' : ' '}${yaml(item, `${indent}  `, random)}`
    })
    return `${entries.join('')}${entries.length === 0 ? `${indent}{}\n` : ''}`
  }
  const plain = typeof inner === 'string' && /^[\w ./-]+$/.test(inner) && random.chance(0.5)
  return `${plain ? inner : JSON.stringify(inner)}\n`
}

function isTable(item: Value): item is Record<string, Value> {
  return typeof item === 'object' && item !== null && !Array.isArray(item)
}

/** Bits that parsers trip over. */
const bits: Readonly<Record<Kind, readonly string[]>> = {
  json: [
    '{',
    '}',
    '[',
    ']',
    '"',
    ':',
    ',',
    '//',
    '/*',
    '*/',
    '\\',
    '\\u',
    '\\ud800',
    '1e999',
    '-',
    '01',
    'tru',
    "'",
    '\u{FEFF}',
  ],
  toml: [
    '[',
    ']',
    '[[',
    ']]',
    '"""',
    "'''",
    '=',
    '.',
    ',',
    '{',
    '}',
    '#',
    '\\',
    '\r',
    'inf',
    '1979-05-27',
    '"',
    '\u{FEFF}',
  ],
  yaml: [
    '- ',
    '? ',
    ': ',
    '[',
    ']',
    '{',
    '}',
    '&a ',
    '*a',
    '!!str ',
    '!x ',
    '<<: ',
    '|',
    '>',
    '%YAML 1.1\n',
    '---\n',
    '...\n',
    '\t',
    '"',
    "'",
    '#',
  ],
  profile: ['\0', '=', ',', '${HOME}', '${X}', '*', '..', '/', ' ', '\u{FEFF}', '\u{202E}'],
  manifest: ['{', '}', '[', ']', '"', ':', ',', 'null', '-1', '1e9', '//', '\\u0000'],
  network: ['*', '.', ':', ',', '-', '/', '[', ']', '%', '0x', '。', '\u{202E}', '::'],
}

function damage(text: string, kind: Kind, random: Random): string {
  const at = random.below(text.length + 1)
  const to = Math.min(text.length, at + random.below(8))
  switch (random.below(6)) {
    case 0:
      return text.slice(0, at) + text.slice(to)
    case 1:
      return text.slice(0, at) + random.pick(bits[kind]) + text.slice(at)
    case 2:
      return text.slice(0, to) + text.slice(at)
    case 3:
      return text.slice(0, at) + random.pick(bits[kind]).repeat(1 + random.below(40)) + text.slice(at)
    case 4:
      return text.slice(0, at) + String.fromCharCode(random.below(random.chance(0.7) ? 128 : 0x1_0000)) + text.slice(at)
    default:
      return text.slice(0, at)
  }
}

/** Texts whose cost must not grow faster than their length: deep, long, repeated. */
export const hostile: Readonly<Record<Kind, readonly ((length: number) => string)[]>> = {
  json: [
    (n) => '['.repeat(n),
    (n) => '{"a":'.repeat(n / 5),
    (n) => `[${'1,'.repeat(n / 2)}1]`,
    (n) => `{${Array.from({ length: n / 10 }, (_, index) => `"k${index}":1`).join(',')}}`,
    (n) => `"${'\\'.repeat(n)}`,
    (n) => '/*'.repeat(n / 2),
    (n) => '//\n'.repeat(n / 3),
    (n) => `[${'9'.repeat(n)}]`,
    (n) => ','.repeat(n),
    (n) => ' '.repeat(n),
  ],
  toml: [
    (n) => `a = ${'['.repeat(n)}`,
    (n) => `a${'.a'.repeat(n / 2)} = 1`,
    (n) => Array.from({ length: n / 8 }, (_, index) => `[a${index}]\n`).join(''),
    (n) => '[[a]]\n'.repeat(n / 6),
    (n) => `a = [${'1,'.repeat(n / 2)}]`,
    (n) => `a = {${Array.from({ length: n / 8 }, (_, index) => `k${index}=1`).join(',')}}`,
    (n) => `a = """${'"x'.repeat(n / 2)}"""`,
    (n) => `a = "${'\\n'.repeat(n / 2)}"`,
    (n) => `a = ${'9'.repeat(n)}`,
    (n) => '#\n'.repeat(n / 2),
    (n) => `[a]\n${Array.from({ length: n / 8 }, (_, index) => `b.c${index}=1\n`).join('')}`,
  ],
  yaml: [
    (n) => '['.repeat(n),
    (n) => '{a: '.repeat(n / 4),
    (n) => '- '.repeat(n / 2),
    (n) => '? '.repeat(n / 2),
    (n) => 'a: '.repeat(n / 3),
    (n) => ']'.repeat(n),
    (n) => `${'{'.repeat(20)}${'}'.repeat(n)}`,
    (n) => `a: &a [x]\n${'b: *a\n'.repeat(n / 6)}`,
    (n) => '&a '.repeat(n / 3),
    (n) => Array.from({ length: n / 8 }, (_, index) => `k${index}: 1`).join('\n'),
    (n) => `a: |\n${' x\n'.repeat(n / 3)}`,
    (n) => `"${'\\n'.repeat(n / 2)}`,
    (n) => '#x\n'.repeat(n / 3),
    (n) => '\n'.repeat(n),
    (n) => '---\n'.repeat(n / 4),
    (n) => '%a\n'.repeat(n / 3),
    (n) => `[${','.repeat(n)}`,
    (n) => `[${'\n'.repeat(n)}]`,
  ],
  profile: [
    (n) => 'read-only /srv\n'.repeat(n / 15),
    (n) => Array.from({ length: n / 20 }, (_, index) => `blacklist /srv/${index}\n`).join(''),
    (n) => `env A=${'x'.repeat(n)}`,
    (n) => `private-bin ${'a,'.repeat(n / 2)}`,
    (n) => '#'.repeat(n),
    (n) => 'x'.repeat(n),
    (n) => '\n'.repeat(n),
    (n) =>
      Array.from({ length: n / 20 }, (_, index) => `read-only /a${index}\n`).join('') + 'noexec /z\n'.repeat(n / 100),
  ],
  network: [
    (n) => 'a.'.repeat(n / 2),
    (n) => `a.example:${'1,'.repeat(n / 2)}1`,
    (n) => `a.example:${'1-9,'.repeat(n / 4)}1`,
    (n) => `[${'0:'.repeat(n / 2)}]`,
    (n) => 'ü'.repeat(n),
    (n) => '9'.repeat(n),
    (n) => '::'.repeat(n / 2),
    (n) => `https://${'a'.repeat(n)}/`,
    (n) => `1.2.3.4/${'9'.repeat(n)}`,
  ],
  manifest: [
    (n) => `{"env_vars": {${Array.from({ length: n / 12 }, (_, index) => `"K${index}":"x"`).join(',')}}}`,
    (n) => '['.repeat(n),
  ],
}
