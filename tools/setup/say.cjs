'use strict'
/* All that set-up says goes to stderr: stdout belongs to the script that follows. */

/** What this machine lacks, and what to do about it: `fix` is lines to type. Ends the command with exit code 3. */
class Unable extends Error {
  constructor(message, fix) {
    super(message)
    this.fix = fix === undefined ? [] : fix
  }
}

function fail(error) {
  const lines = ['', error.message].concat(
    error.fix.map((line) => '  ' + line),
    '',
  )
  process.stderr.write(lines.join('\n'))
  process.exitCode = 3
}

const frames = ['⠋', '⠙', '⠹', '⠸', '⠼', '⠴', '⠦', '⠧', '⠇', '⠏']

/** Runs `work` under one line of progress; a terminal sees it live, a log sees it once it has ended. */
async function step(title, work) {
  const started = Date.now()
  const seconds = () => ((Date.now() - started) / 1000).toFixed(1) + ' s'
  const stop = process.stderr.isTTY ? spin(title, seconds) : announce(title)
  try {
    const result = await work()
    stop('✓ ' + title + '  ' + seconds())
    return result
  } catch (error) {
    stop('✗ ' + title + '  ' + seconds())
    throw error
  }
}

function spin(title, seconds) {
  let tick = 0
  const draw = () => {
    process.stderr.write('\r\x1b[2K' + frames[tick++ % frames.length] + ' ' + title + '  ' + seconds())
  }
  draw()
  const timer = setInterval(draw, 100)
  return (line) => {
    clearInterval(timer)
    process.stderr.write('\r\x1b[2K' + line + '\n')
  }
}

function announce(title) {
  process.stderr.write('… ' + title + '\n')
  return (line) => process.stderr.write(line + '\n')
}

module.exports = { Unable, fail, step }
