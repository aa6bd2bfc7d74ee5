'use strict'
const childProcess = require('child_process')
const os = require('os')
const { Unable } = require('./say.cjs')

/** Runs a program to its end, quietly; what it said is told only when it fails. */
function run(program, args, options) {
  return new Promise((resolve, reject) => {
    const child = childProcess.spawn(program, args, Object.assign({ stdio: ['ignore', 'pipe', 'pipe'] }, options))
    const said = []
    child.stdout.on('data', (chunk) => said.push(chunk))
    child.stderr.on('data', (chunk) => said.push(chunk))
    child.on('error', (error) => reject(new Unable(program + ' could not be started: ' + error.message)))
    child.on('close', (code, signal) => {
      if (code === 0) return resolve()
      const lines = Buffer.concat(said).toString().trimEnd().split('\n').slice(-40)
      const how = signal === null ? 'exit code ' + code : signal
      reject(new Unable([program].concat(args).join(' ') + ' failed (' + how + '):\n' + lines.join('\n')))
    })
  })
}

/** What a program prints when asked, or undefined where it cannot be asked. */
function ask(program, args, env) {
  const answer = childProcess.spawnSync(program, args, { env, encoding: 'utf8', timeout: 20000 })
  return answer.status === 0 ? answer.stdout.trim() : undefined
}

const forwarded = ['SIGINT', 'SIGTERM', 'SIGHUP']

/** Becomes the script: its streams, its signals, its exit code. */
function runInstead(project, argv) {
  return new Promise((resolve, reject) => {
    const child = childProcess.spawn(project.node, argv, { cwd: project.root, env: project.env, stdio: 'inherit' })
    // A terminal sends SIGINT to the whole group: the script decides what it means, and we wait for it.
    for (const signal of forwarded) process.on(signal, () => signal === 'SIGINT' || child.kill(signal))
    child.on('error', reject)
    child.on('close', (code, signal) => {
      process.exitCode = signal === null ? code : 128 + os.constants.signals[signal]
      resolve()
    })
  })
}

module.exports = { run, ask, runInstead }
