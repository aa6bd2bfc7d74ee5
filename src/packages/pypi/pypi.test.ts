import assert from 'node:assert/strict'
import { test } from 'node:test'
import { choosePythons } from './resolve.ts'
import { parseRequirement, renderRequirement } from './requirement.ts'
import { allowsPython } from './specifiers.ts'
import type { Python } from './pythons.ts'

test('requires-python is read as PEP 440 says', () => {
  const holds: Readonly<Record<string, readonly [string, boolean][]>> = {
    '>=3.10': [
      ['3.10.0', true],
      ['3.9.18', false],
      ['3.13.0', true],
    ],
    '>=3.8,<4': [
      ['3.12.1', true],
      ['4.0.0', false],
    ],
    '!=3.9.*, >=3.8': [
      ['3.9.5', false],
      ['3.10.0', true],
    ],
    '~=3.8': [
      ['3.12.0', true],
      ['4.0.0', false],
      ['3.7.9', false],
    ],
    '~=3.8.1': [
      ['3.8.5', true],
      ['3.9.0', false],
    ],
    '==3.*': [['3.1.0', true]],
    '<3.13': [
      ['3.12.9', true],
      ['3.13.0', false],
    ],
    '>3.9,<=3.11.2': [
      ['3.11.2', true],
      ['3.11.3', false],
    ],
    '': [['3.6.0', true]],
    'not a specifier': [['3.12.0', false]],
  }
  for (const [requires, cases] of Object.entries(holds))
    for (const [version, expected] of cases)
      assert.equal(allowsPython(requires, version), expected, `${requires} ${version}`)
})

test('a requirement is brought into one spelling', () => {
  const spelled = (text: string): string => renderRequirement(parseRequirement(text))
  assert.equal(spelled('MCP_Server.Git [B, a] >= 1 , < 2'), 'mcp-server-git[a,b]>=1,<2')
  assert.equal(spelled('name(==1.0)'), 'name==1.0')
  assert.equal(spelled('name'), 'name')
  for (const bad of [
    '',
    '-r x',
    'name @ https://x',
    'a;b',
    '../x',
    'x.whl',
    'name==',
    'name[a;b]',
    'a b',
    'git+https://x',
  ])
    assert.throws(() => parseRequirement(bad), /not a package of an index/, bad)
})

const python = (version: string): Python => ({
  path: `/usr/bin/python${version}`,
  version,
  minor: version.split('.').slice(0, 2).join('.'),
  abi: '',
  stamp: [],
  pip: '24.0',
})
const there = [python('3.11.2'), python('3.13.0'), python('3.12.1'), python('3.9.18')]
const root = (requires: string) => [{ name: 'x', version: '1', requires }]

test('the Python is what python3 means when it fits, and else one that does', () => {
  const chosen = (requires: string, asked?: string): string | undefined =>
    choosePythons(there, root(requires), asked)[0]?.version
  assert.equal(chosen('>=3.10'), '3.11.2')
  assert.equal(chosen('>=3.12'), '3.13.0')
  assert.equal(chosen('>=3.10', '3.12'), '3.12.1')
  assert.equal(chosen('>=3.10', '3'), '3.11.2')
  assert.equal(chosen('>=3.10', '3.12.1'), '3.12.1')
  assert.equal(chosen('>=3.8', '>=3.12,<3.13'), '3.12.1')
  assert.equal(chosen('>=3.8', '<3.10'), '3.9.18')
  assert.equal(chosen('<3.10'), '3.9.18')
  assert.throws(() => chosen('>=3.14'), /x 1 needs Python >=3\.14; there is 3\.11\.2, 3\.13\.0/)
  assert.throws(() => chosen('>=3.10', '3.1'), /needs Python 3\.1; there is/)
})
