import assert from 'node:assert/strict'
import { test } from 'node:test'
import { pythonRequest } from './python-request.ts'

test('what uv understands of a Python is understood', () => {
  const meant: Readonly<Record<string, string | undefined>> = {
    '3': '3',
    '3.12': '3.12',
    '3.12.3': '3.12.3',
    python: undefined,
    python3: undefined,
    cpython: undefined,
    'python3.12': '3.12',
    'cpython@3.12': '3.12',
    'cpython-3.12.3': '3.12.3',
    '312': '3.12',
    cp309: '3.9',
    python311: '3.11',
    '>=3.11,<3.13': '>=3.11,<3.13',
    '>= 3.11, != 3.12.*': '>=3.11,!=3.12.*',
    '~=3.11': '~=3.11',
  }
  for (const [asked, version] of Object.entries(meant)) assert.equal(pythonRequest('uvx', asked), version, asked)
})

test('a path, another implementation, or no version at all is refused with what helps', () => {
  for (const asked of ['/usr/bin/python3', './venv', 'pypy', 'pypy3.10', '3.13t', '3.x', '', '>=x', '3.12.1.2']) {
    assert.throws(() => pythonRequest('uvx', asked), { code: 'USAGE', fix: /write a version/ }, asked)
  }
})
