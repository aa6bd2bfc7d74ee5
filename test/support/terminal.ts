import assert from 'node:assert/strict'
import { spawnSync } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import type { TestContext } from 'node:test'
import type { Runner } from './as-user.ts'
import { asIdentity } from './mcp-client.ts'

/** Why there is no terminal to be had: `unlessPresent('TMUX', whyNoTerminal())`. */
export function whyNoTerminal(): string | undefined {
  return spawnSync('tmux', ['-V']).status === 0 ? undefined : 'tmux is not installed'
}

export interface Terminal {
  type(...keys: string[]): void
  text(): string
  /** Waits until this stands on the screen. */
  shows(pattern: RegExp): Promise<string>
  resize(columns: number, rows: number): void
}

/** A real terminal of 80 by 24, in a tmux server of its own, with a plain shell in it. */
export function terminalOf(
  t: TestContext,
  runner: Runner,
  as: (...words: [string, ...string[]]) => string[] = (...words) => asIdentity(runner, words),
): Terminal {
  const server = `glovebox-${randomBytes(6).toString('hex')}`
  const environment = Object.entries(runner.env).flatMap(([name, value]) => ['-e', `${name}=${value}`])
  const tmux = (...args: string[]): string => {
    const { stdout, stderr, status } = spawnSync('tmux', ['-L', server, '-f', '/dev/null', ...args], {
      encoding: 'utf8',
    })
    assert.equal(status, 0, stderr)
    return stdout
  }
  const shell = as('env', '-i', ...environmentWords(runner), 'PS1=outside> ', 'TERM=screen', 'sh')
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
