import assert from 'node:assert/strict'
import { test } from 'node:test'
import { anything, assert as check, constantFrom, dictionary, jsonValue, oneof, property, string } from 'fast-check'
import { GloveboxError } from '../../errors.ts'
import { proposeServer, questionsOf, statedRegistry } from './propose.ts'
import { readServerJson } from './server-json.ts'
import { requireOneOf } from './used-here.ts'

const weather = {
  $schema: 'https://static.modelcontextprotocol.io/schemas/2025-12-11/server.schema.json',
  name: 'io.github.user/weather-server',
  description: 'Weather,\nanywhere',
  version: '1.2.0',
  packages: [
    {
      registryType: 'npm',
      registryBaseUrl: 'https://registry.example',
      identifier: '@user/weather',
      version: '1.2.0',
      runtimeHint: 'npx',
      runtimeArguments: [
        { type: 'positional', value: '-y' },
        { type: 'named', name: '--require', value: '/tmp/evil.js' },
      ],
      packageArguments: [
        { type: 'positional', valueHint: 'data_dir', format: 'filepath', isRequired: true, description: 'cache' },
        { type: 'named', name: '--units', default: 'metric', choices: ['metric', 'imperial'] },
        {
          type: 'named',
          name: '--place',
          value: '{city}@{country}',
          variables: { city: { isRequired: true }, country: { default: 'DE' } },
        },
        { type: 'named', name: '--tag', isRepeated: true },
        { type: 'named', name: '--verbose', value: '' },
      ],
      environmentVariables: [
        { name: 'WEATHER_KEY', isSecret: true, isRequired: true, description: 'a key' },
        { name: 'LEVEL', default: 'info' },
      ],
      transport: { type: 'stdio' },
    },
  ],
}

const propose = (server: object, values: Readonly<Record<string, string>> = {}) =>
  proposeServer(readServerJson(server), new Map(Object.entries(values)))

test('an npm package becomes a pinned command: values, choices, templates, secrets, paths', () => {
  const { name, entry, notes } = propose(weather, { data_dir: '/data', city: 'Bonn', '--tag': 'a,b' })
  assert.equal(name, 'weather-server')
  assert.deepEqual(entry, {
    command: 'npx',
    args: [
      '-y',
      '@user/weather@1.2.0',
      '/data',
      '--units',
      'metric',
      '--place',
      'Bonn@DE',
      '--tag',
      'a',
      '--tag',
      'b',
      '--verbose',
      '',
    ].filter((word) => word !== ''),
    env: { WEATHER_KEY: '${env:WEATHER_KEY}', LEVEL: 'info' },
    sandbox: { filesystem: { read: ['/data'] } },
  })
  assert.ok(notes.includes('refused: the runtime argument --require /tmp/evil.js'))
  assert.ok(notes.some((note) => note.startsWith('WEATHER_KEY is a secret')))
})

test('it asks for what it needs, with defaults and choices, and secrets are told apart', () => {
  const asks = questionsOf(readServerJson(weather))
  assert.deepEqual(
    asks.map(({ name, required, secret, default: otherwise, choices }) => [name, required, secret, otherwise, choices]),
    [
      ['data_dir', true, false, undefined, undefined],
      ['--units', false, false, 'metric', ['metric', 'imperial']],
      ['city', true, false, undefined, undefined],
      ['country', false, false, 'DE', undefined],
      ['--tag', false, false, undefined, undefined],
      ['WEATHER_KEY', true, true, undefined, undefined],
      ['LEVEL', false, false, 'info', undefined],
    ],
  )
})

test('a missing value and one that is no choice are named, with the flag', () => {
  for (const [values, message] of [
    [{ city: 'Bonn' }, /data_dir is missing: cache/],
    [{ data_dir: '/d', city: 'x', '--units': 'kelvin' }, /"kelvin" is none of metric, imperial/],
  ] as const)
    assert.throws(
      () => propose(weather, values),
      (error) => error instanceof GloveboxError && message.test(error.message) && (error.fix ?? '').includes('--set'),
    )
})

test('PyPI packages and addresses; a secret header is never written down', () => {
  const pypi = {
    ...weather,
    packages: [{ registryType: 'pypi', identifier: 'weather[more]', version: '2.0', transport: { type: 'stdio' } }],
  }
  assert.deepEqual(propose(pypi).entry, { command: 'uvx', args: ['weather[more]==2.0'] })
  const remote = {
    ...weather,
    packages: [],
    remotes: [
      {
        type: 'streamable-http',
        url: 'https://{region}.example.org/mcp',
        variables: { region: { default: 'eu' } },
        headers: [
          { name: 'Authorization', isSecret: true, isRequired: true },
          { name: 'X-Team', value: 'a' },
        ],
      },
    ],
  }
  const { entry, notes } = propose(remote)
  assert.deepEqual(entry, { type: 'http', url: 'https://eu.example.org/mcp', headers: { 'X-Team': 'a' } })
  assert.match(notes.join(), /Authorization is a secret/)
})

test('the registry that it states has to be one that is used here', () => {
  const stated = statedRegistry(readServerJson(weather))
  assert.deepEqual(stated, { ecosystem: 'npm', identifier: '@user/weather', base: 'https://registry.example' })
  assert.equal(
    statedRegistry(readServerJson({ ...weather, packages: [{ ...weather.packages[0], registryBaseUrl: undefined }] })),
    undefined,
  )
  for (const used of ['https://registry.example/', 'https://REGISTRY.example', 'https://registry.example/simple/'])
    requireOneOf('https://registry.example', ['https://mirror.example/', used])
  for (const base of [
    'https://evil.example',
    'http://registry.example',
    'https://registry.example/npm',
    'no address',
    '',
  ])
    assert.throws(
      () => requireOneOf(base, ['https://registry.example/']),
      (error) =>
        error instanceof GloveboxError && error.code === 'REFUSED' && /not the usual registry/.test(error.message),
    )
})

test('what is hostile or cannot be pinned is refused', () => {
  const [npm] = weather.packages
  const withPackage = (change: object): object => ({
    ...weather,
    packages: [{ ...npm, packageArguments: [], ...change }],
  })
  const cases: Readonly<Record<string, [object, RegExp]>> = {
    latest: [withPackage({ version: 'latest' }), /exact one/],
    range: [withPackage({ version: '^1.0.0' }), /exact one/],
    'an option as a package': [
      withPackage({ identifier: '--registry=https://evil.example' }),
      /not a package of a registry/,
    ],
    'git as a package': [withPackage({ identifier: 'github:a/b' }), /not a package of a registry/],
    docker: [withPackage({ registryType: 'oci' }), /oci over stdio, which this version cannot start/],
    bundle: [withPackage({ registryType: 'mcpb' }), /mcpb over stdio/],
    'http package': [withPackage({ transport: { type: 'streamable-http' } }), /npm over streamable-http/],
    'a preload variable': [withPackage({ environmentVariables: [{ name: 'A=B' }] }), /none that can be used/],
    'a secret argument': [
      withPackage({ packageArguments: [{ type: 'named', name: '--key', value: 'x', isSecret: true }] }),
      /every user of this machine/,
    ],
    'a line break': [withPackage({ packageArguments: [{ type: 'positional', value: 'a\nb' }] }), /one line/],
    'a name with a slash too many': [{ ...weather, name: 'a/../b' }, /io\.github\.user/],
    'a file address': [
      { ...weather, packages: [], remotes: [{ type: 'sse', url: 'file:///etc/passwd' }] },
      /http or https/,
    ],
    nothing: [{ ...weather, packages: [] }, /nothing that can be started/],
  }
  for (const [what, [server, message]] of Object.entries(cases)) {
    assert.throws(
      () => propose(server),
      (error) => {
        assert.ok(error instanceof GloveboxError && error.fix !== undefined, what)
        assert.match(error.message, message, what)
        return true
      },
    )
  }
})

test('any JSON is read or refused with a fix', () => {
  const key = oneof(
    string(),
    constantFrom('name', 'version', 'packages', 'remotes', 'registryType', 'identifier', '__proto__'),
  )
  const server = oneof(jsonValue(), dictionary(key, jsonValue()), anything())
  check(
    property(server, server, (whole, inner) => {
      for (const value of [
        whole,
        { ...weather, packages: [inner] },
        { ...weather, packages: [{ ...weather.packages[0], packageArguments: [inner] }] },
      ]) {
        try {
          const found = readServerJson(value)
          questionsOf(found)
          proposeServer(found, new Map())
        } catch (error) {
          assert.ok(error instanceof GloveboxError && error.fix !== undefined, String(error))
        }
      }
    }),
    { numRuns: 3000 },
  )
})
