// What a program does with a network, timed by itself, in a sandbox and outside of one: `HOST FIRST STREAM HTTP`.
// Reads one word a line and answers with one line of JSON.
import { lookup } from 'node:dns/promises'
import { Agent, get } from 'node:http'
import { connect } from 'node:net'
import { createInterface } from 'node:readline'

const [name, first, stream, http] = process.argv.slice(2)
// Once: a connection is what is measured, and `lookup` is a figure of its own.
const { address: host } = await lookup(name, 4)
const kept = new Agent({ keepAlive: true, maxSockets: 4 })
const fresh = new Agent({ keepAlive: false, maxSockets: 4 })

const milliseconds = async (act) => {
  const begun = performance.now()
  await act()
  return performance.now() - begun
}

const firstByte = () =>
  new Promise((resolve, reject) => {
    const socket = connect({ host, port: Number(first), autoSelectFamily: false }, () => socket.write('1\n'))
    socket.setNoDelay(true).on('error', reject).once('data', resolve)
  })

const streamed = (bytes) =>
  new Promise((resolve, reject) => {
    let got = 0
    const socket = connect({ host, port: Number(stream), autoSelectFamily: false }, () => socket.write(`${bytes}\n`))
    socket.on('error', reject).on('data', (data) => (got += data.length))
    socket.on('end', () => (got >= bytes ? resolve() : reject(new Error(`${got} of ${bytes}`))))
  })

const request = (at, agent) =>
  new Promise((resolve, reject) => {
    get({ host, port: Number(http), path: `/${at}`, agent, headers: { host: `${name}:${http}` } }, (answer) => {
      let text = ''
      answer.setEncoding('utf8').on('data', (piece) => (text += piece))
      answer.on('end', () => (text === 'ok' ? resolve() : reject(new Error(`${answer.statusCode} ${text}`))))
    }).on('error', reject)
  })

// A hundred a second, each when its moment has come and not when the one before it has ended.
const requests = async (seconds, agent) => {
  const [times, errors] = [[], []]
  const begun = performance.now()
  const one = async (at) => {
    await new Promise((resolve) => setTimeout(resolve, Math.max(0, begun + at * 10 - performance.now())))
    const from = performance.now()
    await request(at, agent).catch((error) => errors.push(error.message))
    times.push(performance.now() - from)
  }
  await Promise.all(Array.from({ length: seconds * 100 }, (_, at) => one(at)))
  return { times, errors, ms: performance.now() - begun }
}

for await (const line of createInterface({ input: process.stdin })) {
  const [what, count] = line.split(' ')
  if (what === 'first') console.log(JSON.stringify(await milliseconds(firstByte)))
  if (what === 'lookup') console.log(JSON.stringify(await milliseconds(() => lookup(name, 4))))
  if (what === 'stream') console.log(JSON.stringify(await milliseconds(() => streamed(Number(count)))))
  if (what === 'requests') console.log(JSON.stringify(await requests(Number(count), kept)))
  if (what === 'connections') console.log(JSON.stringify(await requests(Number(count), fresh)))
}
