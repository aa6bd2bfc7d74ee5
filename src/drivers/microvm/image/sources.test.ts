import assert from 'node:assert/strict'
import { test } from 'node:test'
import { debianSources, parseSources } from './sources.ts'

const keys = '/usr/share/keyrings/debian-archive-keyring.gpg'

const deb822 = `Types: deb
# a comment
URIs: http://mirror.test/debian
Suites: bookworm bookworm-updates
Components: main contrib
Signed-By: ${keys}

Types: deb deb-src
URIs: http://mirror.test/debian-security
Suites: bookworm-security
Components: main
Signed-By: ${keys}

Types: deb
URIs: http://vendor.test/tools
Suites: bookworm
Components: main
Signed-By: /usr/share/keyrings/vendor.gpg

Types: deb
Enabled: no
URIs: http://off.test/debian
Suites: bookworm
Components: main
`

test('Debian’s own archives are told from those of others who use its names', () => {
  assert.deepEqual(debianSources(parseSources('debian.sources', deb822), { codename: 'bookworm' }, 'bookworm'), [
    `deb [signed-by=${keys}] http://mirror.test/debian bookworm main`,
    `deb [signed-by=${keys}] http://mirror.test/debian bookworm-updates main`,
    `deb [signed-by=${keys}] http://mirror.test/debian-security bookworm-security main`,
  ])
})

test('a host of another release has the same archives', () => {
  const text =
    'deb http://mirror.test/debian trixie main contrib # ours\ndeb-src http://mirror.test/debian trixie main\n'
  const found = parseSources('sources.list', text)
  assert.deepEqual(debianSources(found, { codename: 'trixie' }, 'bookworm'), [
    'deb http://mirror.test/debian bookworm main',
  ])
  assert.deepEqual(debianSources(found, { codename: undefined }, 'bookworm'), [], 'a host that is not Debian')
})

test('options of a line are read, and suites that an image has no use for are passed over', () => {
  const text = `
deb [arch=amd64 signed-by=${keys}] http://mirror.test/debian bookworm main
deb http://mirror.test/debian bookworm-backports main
deb [signed-by=/etc/apt/keyrings/other.asc] http://other.test bookworm main
# deb http://old.test bookworm main
`
  assert.deepEqual(debianSources(parseSources('sources.list', text), { codename: 'bookworm' }, 'bookworm'), [
    `deb [signed-by=${keys}] http://mirror.test/debian bookworm main`,
  ])
})

test('a key in the file itself is a third party’s', () => {
  const text = `Types: deb\nURIs: http://vendor.test\nSuites: bookworm\nComponents: main\nSigned-By:\n -----BEGIN PGP PUBLIC KEY BLOCK-----\n .\n xyz\n`
  assert.deepEqual(debianSources(parseSources('vendor.sources', text), { codename: 'bookworm' }, 'bookworm'), [])
})
