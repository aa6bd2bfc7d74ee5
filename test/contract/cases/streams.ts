import assert from 'node:assert/strict'
import { createHash, randomBytes } from 'node:crypto'
import { buffer } from 'node:stream/consumers'
import { test } from 'node:test'
import type { Contract } from '../context.ts'
import { until } from '../context.ts'

export function streamCases({ plan, start, run }: Contract): void {
  test('a program reads stdin, and writes stdout and stderr apart', async () => {
    const { exit, stdout, stderr } = await run(
      plan(['sh', '-c', 'cat; echo to stderr >&2']),
      Buffer.from('to stdout\n'),
    )
    assert.equal(stdout.toString(), 'to stdout\n')
    assert.equal(stderr.toString(), 'to stderr\n')
    assert.equal(exit.code, 0)
  })

  test('every byte goes both ways as it is, in any amount', async () => {
    const every = Buffer.from(Array.from({ length: 256 }, (_, byte) => byte))
    const input = Buffer.concat([every, randomBytes(4 * 1024 * 1024), every])
    const { exit, stdout } = await run(plan(['cat']), input)
    assert.equal(stdout.length, input.length)
    assert.equal(sha256(stdout), sha256(input))
    assert.equal(exit.code, 0)
  })

  test('an answer comes while stdin is still open', async () => {
    const { stdio, wall } = await start(plan(['cat']))
    stdio.stdin.write('one\n')
    await until(stdio.stdout, 'one\n')
    stdio.stdin.write('two\n')
    await until(stdio.stdout, 'two\n')
    stdio.stdin.end()
    assert.equal((await wall.exit).code, 0)
  })

  test('what was written before the end is all there, however long nobody read it', async () => {
    const { stdio, wall } = await start(plan(['sh', '-c', 'head -c 60000 /dev/zero; exit 7']))
    stdio.stdin.end()
    const exit = await wall.exit
    assert.equal(exit.code, 7)
    assert.equal((await buffer(stdio.stdout)).length, 60_000)
  })

  test('a reader that goes away is a broken pipe for the program, not for us', async () => {
    const { stdio, wall } = await start(plan(['sh', '-c', 'trap "" PIPE; read x; while echo y; do :; done; exit 9']))
    stdio.stdout.destroy()
    stdio.stdin.on('error', () => undefined)
    stdio.stdin.end('go\n')
    assert.equal((await wall.exit).code, 9)
  })

  test('the program has stdin, stdout and stderr, and no other descriptor of ours', async () => {
    // ls itself opens the directory that it lists.
    const { stdout } = await run(plan(['sh', '-c', 'exec ls /proc/self/fd']))
    assert.deepEqual(stdout.toString().trim().split('\n'), ['0', '1', '2', '3'])
  })
}

function sha256(data: Buffer): string {
  return createHash('sha256').update(data).digest('hex')
}
