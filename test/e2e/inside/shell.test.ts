import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { test, type TestContext } from 'node:test'
import { ordinaryUser, runners, type Runner } from '../../support/as-user.ts'
import { asIdentity } from '../../support/mcp-client.ts'
import { unlessPresent } from '../../support/requirement.ts'
import { running, shellWords } from '../../support/running.ts'

const missing = spawnSync('tmux', ['-V']).status === 0 ? undefined : 'tmux is not installed'
const skip = unlessPresent('TMUX', missing)

interface Terminal {
  type(...keys: string[]): void
  text(): string
  /** Waits until this stands on the screen. */
  shows(pattern: RegExp): Promise<string>
  resize(columns: number, rows: number): void
}

/** A real terminal of 80 by 24, in a tmux server of its own, with a plain shell in it. */
function terminalOf(t: TestContext, runner: Runner): Terminal {
  const server = `glovebox-${randomBytes(6).toString('hex')}`
  const environment = Object.entries(runner.env).flatMap(([name, value]) => ['-e', `${name}=${value}`])
  const tmux = (...args: string[]): string => {
    const { stdout, stderr, status } = spawnSync('tmux', ['-L', server, '-f', '/dev/null', ...args], {
      encoding: 'utf8',
    })
    assert.equal(status, 0, stderr)
    return stdout
  }
  const shell = asIdentity(runner, ['env', '-i', ...environmentWords(runner), 'PS1=outside> ', 'TERM=screen', 'sh'])
  tmux('new-session', '-d', '-x', '80', '-y', '24', ...environment, '-c', runner.home, ...shell)
  t.after(() => spawnSync('tmux', ['-L', server, 'kill-server']))
  const text = (): string => tmux('capture-pane', '-p', '-J')
  return {
    type: (...keys) => void tmux('send-keys', ...keys),
    text,
    resize: (columns, rows) => void tmux('resize-window', '-x', String(columns), '-y', String(rows)),
    async shows(pattern) {
      for (const deadline = performance.now() + 20_000; ;) {
        const screen = text()
        if (pattern.test(screen)) return screen
        if (performance.now() > deadline) assert.fail(`${pattern} is not on the screen:\n${screen}`)
        await new Promise((resolve) => setTimeout(resolve, 20))
      }
    },
  }
}

function environmentWords(runner: Runner): string[] {
  return Object.entries(runner.env).map(([name, value]) => `${name}=${value}`)
}

for (const runner of runners()) {
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
      terminal.type('Enter')
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
          const listed = runner.spawnSync('sh', ['-c', 'kill -TERM $(cat pid); kill -TERM $(cat pid)'], {
            cwd: runner.home,
          })
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
