import assert from 'node:assert/strict'
import { test } from 'node:test'
import { GloveboxError } from '../errors.ts'
import { secretsFromFlags } from './secret-flags.ts'

const good: Readonly<Record<string, object>> = {
  'T=env:T@db.internal:8080': { from: 'env:T', hosts: ['db.internal:8080'] },
  'T=env:T@api.github.com,*.example.org,intercept=true': {
    from: 'env:T',
    hosts: ['api.github.com', '*.example.org'],
    intercept: true,
  },
  'T=file:/home/me@work/key@a.example:80,header=X-Api-Key': {
    from: 'file:/home/me@work/key',
    hosts: ['a.example:80'],
    header: 'X-Api-Key',
  },
  'T=cmd:pass show me@b.example@a.example:80,basic=me': {
    from: 'cmd:pass show me@b.example',
    hosts: ['a.example:80'],
    basic: 'me',
  },
  'T=keyring:a.example/me@a.example:80,query=key': {
    from: 'keyring:a.example/me',
    hosts: ['a.example:80'],
    query: 'key',
  },
  'T=env:T@db-1.internal:80,header=Authorization: token': {
    from: 'env:T',
    hosts: ['db-1.internal:80'],
    header: 'Authorization: token',
  },
  'T=env:T@expose=env': { from: 'env:T', expose: 'env' },
}

for (const [flag, words] of Object.entries(good)) {
  test(`--secret '${flag}' is read`, () => assert.deepEqual({ ...secretsFromFlags([flag]) }, { T: words }))
}

test('two secrets stand beside each other, one name does not stand twice', () => {
  const flags = ['A=env:A@a.example:80', 'B=env:B@a.example:80']
  assert.deepEqual(Object.keys(secretsFromFlags(flags)), ['A', 'B'])
  assert.throws(() => secretsFromFlags([...flags, 'A=env:C@c.example:80']), /--secret A: it is given twice/)
})

const bad: readonly (readonly [flag: string, why: RegExp, fix: RegExp])[] = [
  ['T=sesame123', /--secret T: .*a value never stands here/, /--secret T=env:VARIABLE@HOST/],
  ['T=sesame@1,2=3', /--secret T: .*no host and no option/, /header, query/],
  ['T=sesame123@a.example:80', /--secret T: .*a value never stands here/, /env:VARIABLE/],
  ['sesame123', /--secret: it begins with a name/, /--secret NAME=SOURCE@HOST/],
  ['ses-ame=x', /--secret: it begins with a name/, /--secret NAME/],
  ['T=env:T', /without a host/, /@expose=env/],
  ['T=env:T@a.example', /only where it is read/, /,intercept=true/],
  ['T=env:T@a.example:80,intercept=sesame', /true or false/, /intercept=true/],
  ['T=env:T@expose=sesame', /only one way/, /expose=env/],
  ['T=env:T@a.example:80,expose=env', /can send it anywhere/, /leave "expose" out/],
  ['T=env:T@a.example:80,value=sesame', /no host and no option/, /header, query/],
]

for (const [flag, why, fix] of bad) {
  test(`--secret '${flag}' is refused without a word of what may be a value`, () => {
    assert.throws(
      () => secretsFromFlags([flag]),
      (error) => {
        assert.ok(error instanceof GloveboxError)
        assert.equal(error.code, 'POLICY_INVALID')
        assert.match(error.message, why)
        assert.match(error.fix ?? '', fix)
        assert.ok(!`${error.message}${error.fix}`.includes('sesame'))
        return true
      },
    )
  })
}
