'use strict'
const crypto = require('crypto')
const net = require('net')

/**
 * One set-up at a time in a clone. The lock is an abstract Unix socket (unix(7)): the kernel gives its name to one
 * process only and takes it back when that process ends, however it ends, so that there is no lock file to go stale.
 */
async function withLock(root, work) {
  // macOS has no abstract sockets; there set-up only installs npm packages.
  if (process.platform !== 'linux') return work()
  const name = '\0glovebox-setup-' + crypto.createHash('sha256').update(root).digest('hex').slice(0, 32)
  let told = false
  for (;;) {
    const lock = await take(name)
    if (lock !== undefined) return work().finally(lock)
    if (!told) process.stderr.write('… another set-up is running in this clone: waiting for it\n')
    told = true
    await end(name)
  }
}

/** The function that gives the lock back, or undefined when somebody else has it. */
function take(name) {
  return new Promise((resolve, reject) => {
    const waiting = new Set()
    const server = net.createServer((socket) => {
      waiting.add(socket)
      socket.on('error', () => socket.destroy())
      socket.on('close', () => waiting.delete(socket))
    })
    server.on('error', (error) => (error.code === 'EADDRINUSE' ? resolve() : reject(new Error(error.message))))
    server.listen(name, () => {
      resolve(() => {
        server.close()
        waiting.forEach((socket) => socket.destroy())
      })
    })
  })
}

/** Settles when the holder of the lock has given it back or is dead: its end of the connection is gone. */
function end(name) {
  return new Promise((resolve) => {
    const socket = net.connect(name)
    socket.on('error', () => socket.destroy())
    socket.on('close', resolve)
    socket.resume()
  })
}

module.exports = { withLock }
