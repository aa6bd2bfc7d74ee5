import assert from 'node:assert/strict'
import { chmodSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { test } from 'node:test'
import type { Contract } from '../context.ts'

/** What the program is given must be the plan, to the byte. */
export function commandCases({ plan, run }: Contract): void {
  test('the environment is exactly the planned one', async () => {
    process.env['GLOVEBOX_TEST_OURS'] = 'a secret of the owner'
    const planned = plan(['cat', '/proc/self/environ'], { env: { EMPTY: '', Ünï: '=x', LINES: 'a\nb', LANG: 'C' } })
    const { stdout } = await run(planned)
    delete process.env['GLOVEBOX_TEST_OURS']
    const seen = stdout.toString().split('\0').slice(0, -1)
    const wanted = Object.entries(planned.command.env).map(([name, value]) => `${name}=${value}`)
    assert.deepEqual(seen.toSorted(), wanted.toSorted())
    assert.ok(!seen.some((entry) => entry.includes('secret')))
  })

  test('the arguments are exactly the planned ones', async () => {
    const args = ['zero', '', ' ', 'a b', '"\'\\$(id)`;|&*?', 'lines\nof\ttext', 'ünïcødé \u{1f9e4}', '-x', '--']
    const { stdout } = await run(plan(['sh', '-c', 'cat /proc/$$/cmdline', ...args]))
    assert.deepEqual(stdout.toString().split('\0').slice(3, -1), args)
  })

  test('the working directory is the planned one', async () => {
    const planned = plan(['sh', '-c', 'pwd -P'])
    for (const cwd of ['/', '/tmp', '/usr/bin']) {
      const { stdout } = await run({ ...planned, command: { ...planned.command, cwd } })
      assert.equal(stdout.toString(), `${cwd}\n`)
    }
  })

  test('a working directory of which only something below is seen is there, and relative paths lead to that', async () => {
    const directory = mkdtempSync(path.join(tmpdir(), 'glovebox-contract-'))
    mkdirSync(path.join(directory, 'seen'))
    for (const name of ['hidden', 'seen/file']) writeFileSync(path.join(directory, name), 'content')
    chmodSync(directory, 0o755)
    try {
      const planned = plan(
        ['sh', '-c', 'pwd -P; ls; cat seen/file'],
        {
          filesystem: { read: [path.join(directory, 'seen')], write: [], deny: [] },
        },
        directory,
      )
      const { stdout, stderr } = await run(planned)
      assert.equal(stdout.toString(), `${directory}\nseen\ncontent`, stderr.toString())
    } finally {
      rmSync(directory, { recursive: true })
    }
  })

  test('the program is no root, has no capability, and can get none', async () => {
    const { stdout } = await run(plan(['cat', '/proc/self/status']))
    const status = new Map(
      stdout
        .toString()
        .split('\n')
        .map((line) => line.split(':\t') as [string, string]),
    )
    assert.doesNotMatch(status.get('Uid') ?? '0', /\b0\b/)
    assert.doesNotMatch(status.get('Gid') ?? '0', /\b0\b/)
    for (const set of ['CapInh', 'CapPrm', 'CapEff', 'CapBnd', 'CapAmb'])
      assert.equal(status.get(set), '0'.repeat(16), set)
    assert.equal(status.get('NoNewPrivs'), '1')
  })

  test('no signal is blocked or ignored at the start', async () => {
    const { stdout } = await run(plan(['cat', '/proc/self/status']))
    for (const set of ['SigBlk', 'SigIgn']) assert.match(stdout.toString(), new RegExp(`^${set}:\\t0{16}$`, 'm'))
  })
}
