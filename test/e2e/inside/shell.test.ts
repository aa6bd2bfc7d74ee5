import assert from 'node:assert/strict'
import { test } from 'node:test'
import { ordinaryUser, usualRunners } from '../../support/as-user.ts'
import { unlessPresent } from '../../support/requirement.ts'
import { running, shellWords } from '../../support/running.ts'
import { terminalOf, whyNoTerminal } from '../../support/terminal.ts'

const skip = unlessPresent('TMUX', whyNoTerminal())

for (const runner of usualRunners()) {
  const as = ` (${runner.name})`

  test(
    `a shell has a terminal: its size, Ctrl-C, its exit code, and ours is as it was${as}`,
    { skip, timeout: 60_000 },
    async (t) => {
      const box = await running(t, runner)
      const terminal = terminalOf(t, runner)
      await terminal.shows(/outside>/)
      terminal.type('stty -a | grep -o -- "-*icanon\\|-*echo " > before', 'Enter')
      terminal.type(shellWords(runner, 'shell', box.name, '--shell', '/bin/sh', '-e', 'PS1=inside> '), 'Enter')
      await terminal.shows(/^(?:outside> )*inside>/m)
      terminal.type('stty size; tty', 'Enter')
      await terminal.shows(/^24 80\n\/dev\/pts\/\d+/m)
      terminal.resize(100, 30)
      terminal.type('until test "$(stty size)" = "30 100"; do sleep 0.05; done; echo re""sized', 'Enter')
      await terminal.shows(/^resized$/m)
      terminal.type('sleep 500; echo "ended by $?"', 'Enter')
      await terminal.shows(/sleep 500/)
      terminal.type('C-c')
      await terminal.shows(/\^C\n+inside>/)
      terminal.type('echo "still $((6*7))"', 'Enter')
      await terminal.shows(/^still 42$/m)
      terminal.type('exit 9', 'Enter')
      await terminal.shows(/outside> $/m)
      terminal.type('echo "code $?"; stty -a | grep -o -- "-*icanon\\|-*echo " | diff - before && echo same', 'Enter')
      await terminal.shows(/^code 9\n(?:.*\n)?same$/m)
    },
  )

  test(
    `the terminal is given back when the sandbox dies, and when we are told to end${as}`,
    { skip, timeout: 60_000 },
    async (t) => {
      const terminal = terminalOf(t, runner)
      await terminal.shows(/outside>/)
      for (const end of ['owner', 'us'] as const) {
        const box = await running(t, runner)
        terminal.type('clear', 'Enter')
        terminal.type(
          `${shellWords(runner, 'shell', box.name, '--shell', '/bin/sh', '-e', 'PS1=inside> ')} & echo $! > pid; fg`,
          'Enter',
        )
        await terminal.shows(/^(?:outside> )*inside>/m)
        if (end === 'owner') box.owner.kill('SIGKILL')
        else {
          // Again and again: two that are there at once are one (signal(7)), and the first of them is the shell's to ignore.
          const until = 'pid=$(cat pid); kill -TERM $pid; while kill -TERM $pid 2> /dev/null; do sleep 0.1; done'
          const listed = runner.spawnSync('sh', ['-c', until], { cwd: runner.home })
          assert.equal(listed.status, 0, listed.stderr)
        }
        await terminal.shows(/outside> $/m)
        terminal.type('stty -a | grep -o -- "-*icanon" | sed s/^/mode:/', 'Enter')
        await terminal.shows(/^mode:icanon$/m)
      }
    },
  )
}

test('a shell without a terminal reads its commands from a pipe', async (t) => {
  const runner = ordinaryUser()
  const box = await running(t, runner)
  const { child, ended } = box.verb('shell', box.name)
  child.stdin?.end('echo from a pipe; exit 5\n')
  const { stdout, code, stderr } = await ended
  assert.equal(stdout, 'from a pipe\n', stderr)
  assert.equal(code, 5)
})
