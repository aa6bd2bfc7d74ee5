import { spawnSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import path from 'node:path'
import { spansOf } from './ansi.ts'
import { svgOf } from './svg.ts'

/**
 * `npm run picture`: runs the demo in a real terminal (tmux, 112 columns) and draws what is on its screen as docs/demo.svg.
 */
const root = path.resolve(import.meta.dirname, '../..')
const session = `glovebox-picture-${process.pid}`
const done = `${session}-done`

const words = [process.execPath, path.join(root, 'tools/demo/main.ts')]
tmux(['new-session', '-d', '-s', session, '-x', '112', '-y', '100', '-c', root, ...keptOpen(words)])
tmux(['wait-for', done])
const screen = tmux(['capture-pane', '-e', '-p', '-t', session])
tmux(['kill-session', '-t', session])

const lines = spansOf(screen.trimEnd())
while (lines[0]?.length === 0) lines.shift()
const target = path.join(root, 'docs/demo.svg')
writeFileSync(target, svgOf(lines, 'npm run demo, in a terminal'))
process.stdout.write(`${target}\n`)

/** The screen is gone with its program: a shell stays until the screen has been read. */
function keptOpen(command: readonly string[]): string[] {
  return ['sh', '-c', `"$@"; tmux wait-for -S ${done}; read -r _`, 'sh', ...command]
}

function tmux(args: readonly string[]): string {
  const run = spawnSync('tmux', args, { encoding: 'utf8' })
  if (run.error !== undefined) throw new Error('the picture is taken in tmux: install it', { cause: run.error })
  if (run.status !== 0) throw new Error(`tmux ${args[0]}: ${run.stderr}`)
  return run.stdout
}
