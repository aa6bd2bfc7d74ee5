import assert from 'node:assert/strict'
import { test } from 'node:test'
import { describeVerbs } from '../cli-verbs.ts'
import { adviceOn, allAdvice } from './foreign-options.ts'

test('what is advised instead of an option of another program are options and verbs that there are', async () => {
  const verbs = await describeVerbs()
  const options = new Set(verbs.find(({ name }) => name === 'run')?.options.map(({ long }) => long))
  for (const what of allAdvice) {
    for (const [option] of what.matchAll(/--[a-z-]+/g)) assert.ok(options.has(option), `${option}: ${what}`)
    for (const [, verb] of what.matchAll(/glovebox (\w+)/g))
      assert.ok(
        verbs.some(({ name }) => name === verb),
        what,
      )
  }
})

test('no option of ours is called foreign', async () => {
  const run = (await describeVerbs()).find(({ name }) => name === 'run')
  for (const { long } of run?.options ?? []) assert.equal(adviceOn(long), undefined, long)
})
