import assert from 'node:assert/strict'
import { afterEach, test } from 'node:test'
import { unlessPresent } from './requirement.ts'

afterEach(() => {
  delete process.env['REQUIRE_UNICORN']
})

test('A component that is there skips nothing, required or not.', () => {
  assert.equal(unlessPresent('UNICORN', undefined), false)
  process.env['REQUIRE_UNICORN'] = '1'
  assert.equal(unlessPresent('UNICORN', undefined), false)
})

test('A component that is missing skips with its reason.', () => {
  assert.equal(unlessPresent('UNICORN', 'no unicorn was seen'), 'no unicorn was seen')
})

test('A missing component that is required is a failure.', () => {
  process.env['REQUIRE_UNICORN'] = '1'
  assert.throws(() => unlessPresent('UNICORN', 'no unicorn was seen'), /REQUIRE_UNICORN=1, but no unicorn was seen/)
})

test('A value of REQUIRE that nobody defined is an error, not a no.', () => {
  process.env['REQUIRE_UNICORN'] = 'yes'
  assert.throws(() => unlessPresent('UNICORN', 'no unicorn was seen'), /1, or unset, is meant/)
})
