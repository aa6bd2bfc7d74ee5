import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import path from 'node:path'
import type { Readable, Writable } from 'node:stream'
import { loadDriver } from '../../src/drivers/registry.ts'
import { noNetwork } from '../../src/policy/network/words.ts'
import { createContract } from '../../test/contract/context.ts'
import { startResolver } from '../../test/support/world/resolver.ts'
import { atMostAbove, type Figure, type Options, type Way } from '../case.ts'
import { root } from '../machine.ts'
import { summarize } from '../stats.ts'

const name = 'server.test'
const streamBytes = 512 * 1024 ** 2
const sandboxes = 20

/** Until Node has compiled what is asked again and again, on both sides: a server is asked for hours. */
const warmSeconds = 10

interface Ports {
  readonly first: number
  readonly stream: number
  readonly http: number
}

/** One program with a network, that does what it is told and says how long it took. */
interface Talker extends Disposable {
  ask(line: string): Promise<unknown>
}

/** The network of a sandbox against the loopback without one: the same program, the same server. */
export async function egress({ glovebox, env, runs }: Options): Promise<Figure[]> {
  using peer = started([process.execPath, path.join(root, 'bench/egress-peer.mjs')], env)
  const ports = (await peer.ask('')) as Ports
  await using resolver = await startResolver({ zone: { [name]: { a: ['127.0.0.1'] } } })
  const client = path.join(root, 'bench/egress-client.mjs')
  const words = (host: string): string[] => [process.execPath, client, host, ...Object.values(ports).map(String)]
  const flags = [
    '--allow-net',
    `${name}:${Object.values(ports).join(',')}`,
    '--allow-private',
    '127.0.0.0/8',
    '--resolver',
    `127.0.0.1:${resolver.port}`,
    '--read',
    client,
    // What is measured is the way without a proxy of programs that know none.
    ...['HTTP_PROXY', 'http_proxy'].flatMap((variable) => ['--env', `${variable}=`]),
  ]
  const inSandbox = (): Talker => started([...glovebox, 'exec', ...flags, '--', ...words(name)], env)
  using bare = started(words('127.0.0.1'), env)
  using walled = inSandbox()
  using carried = await whereTheHostDials(words(name), { client, ports, resolver: resolver.port })
  const both = { 'loopback without a sandbox': bare, 'an allowed name in a sandbox': walled }
  const all = { ...both, 'carried to the host, which dials, as of a guest': carried }
  const figures = [await firstByte(all, runs), ...(await throughput(all, Math.ceil(runs / 20)))]
  const lookup = await inTurns({ 'in a sandbox': walled }, 'lookup', runs)
  const looked: Figure = { name: 'getaddrinfo of an allowed name', unit: 'ms', ways: lookup, target: undefined }
  return [
    ...figures,
    looked,
    ...(await manyRequests({ bare: () => started(words('127.0.0.1'), env), inSandbox }, runs)),
  ]
}

async function firstByte(all: Readonly<Record<string, Talker>>, runs: number): Promise<Figure> {
  const ways = await inTurns(all, 'first', runs * 5)
  const [base, way] = ways
  const target = base && way && atMostAbove(base, way, 0.3, 'at most 0.3 ms over direct loopback, checks included')
  return { name: 'connect and first byte', unit: 'ms', ways, target }
}

async function throughput(all: Readonly<Record<string, Talker>>, runs: number): Promise<Figure[]> {
  const ways = await inTurns(all, `stream ${streamBytes}`, runs)
  const [base = Infinity, way = Infinity, carried = Infinity] = ways.map(({ summary }) => summary.median)
  return [
    {
      name: '512 MiB on one stream',
      unit: 'ms',
      ways: ways.slice(0, 2),
      target: { words: 'at least 0.7 of direct loopback', met: base / way >= 0.7 },
    },
    {
      name: '512 MiB on one stream that the host dials',
      unit: 'ms',
      ways: ways.slice(2),
      target: { words: 'at least 300 MB/s', met: streamBytes / 1e6 / (carried / 1000) >= 300 },
    },
  ]
}

/** A jail whose connections are all carried to this process, as those of a guest are. */
async function whereTheHostDials(
  command: readonly string[],
  about: { readonly client: string; readonly ports: Ports; readonly resolver: number },
): Promise<Talker> {
  const contract = createContract(await loadDriver('jail'), 'host')
  const plan = contract.plan(command, {
    filesystem: { read: [about.client], write: [], deny: [] },
    env: { HTTP_PROXY: '', http_proxy: '' },
    network: {
      ...noNetwork,
      allow: Object.values(about.ports).map((port) => `${name}:${port}`),
      private: ['127.0.0.0/8'],
      resolvers: [`127.0.0.1:${about.resolver}`],
    },
  })
  const { stdio, wall } = await contract.start(plan)
  stdio.stderr.pipe(process.stderr)
  return talker(command.join(' '), { ...stdio, ended: wall.exit, stop: () => void contract.stopAll() })
}

/** All at the same time; first without sandboxes, which says what of it this machine can do. */
async function manyRequests(
  { bare, inSandbox }: Readonly<Record<'bare' | 'inSandbox', () => Talker>>,
  runs: number,
): Promise<Figure[]> {
  const seconds = Math.max(1, Math.ceil(runs / 40))
  return [
    ...(await manyOf('requests', { bare, inSandbox }, seconds)),
    // No program that asks so often does this; what it costs is worth a figure.
    ...(await manyOf('connections', { bare, inSandbox }, seconds)),
  ]
}

/** `requests`: each program keeps its connections, as clients of HTTP do. `connections`: each request has one of its own. */
async function manyOf(
  what: 'requests' | 'connections',
  { bare, inSandbox }: Readonly<Record<'bare' | 'inSandbox', () => Talker>>,
  seconds: number,
): Promise<Figure[]> {
  const without = await askedBy(bare, what, seconds)
  const within = await askedBy(inSandbox, what, seconds)
  const ways = (take: (asked: Asked) => readonly number[]): [Way, Way] => [
    { name: 'without sandboxes', summary: summarize(take(without)) },
    { name: 'in sandboxes', summary: summarize(take(within)) },
  ]
  const [error] = within.errors
  const wrong = error === undefined ? 'no error' : `${within.errors.length} errors, such as "${error}"`
  return [
    {
      name: `${what} of each of ${sandboxes} programs that ask 100 times a second, for ${seconds} s; ${wrong}`,
      unit: 'per second',
      ways: ways(({ rates }) => rates),
      target: {
        // The last ones are under way when their second is over.
        words: what === 'requests' ? 'each at least 95 a second, without an error' : 'without an error',
        met: within.errors.length === 0 && (what === 'connections' || Math.min(...within.rates) >= 95),
      },
    },
    {
      name: what === 'requests' ? 'one of these requests' : 'one of these, with its connection',
      unit: 'ms',
      ways: ways(({ times }) => times),
      target: undefined,
    },
  ]
}

interface Asked {
  readonly rates: readonly number[]
  readonly times: readonly number[]
  readonly errors: readonly string[]
}

async function askedBy(start: () => Talker, what: string, seconds: number): Promise<Asked> {
  const all = Array.from({ length: sandboxes }, start)
  try {
    await Promise.all(all.map(async (talker) => talker.ask(`${what} ${warmSeconds}`)))
    const told = (await Promise.all(all.map(async (talker) => talker.ask(`${what} ${seconds}`)))) as {
      times: number[]
      errors: string[]
      ms: number
    }[]
    return {
      rates: told.map(({ times, ms }) => times.length / (ms / 1000)),
      times: told.flatMap(({ times }) => times),
      errors: told.flatMap(({ errors }) => errors),
    }
  } finally {
    for (const talker of all) talker[Symbol.dispose]()
  }
}

async function inTurns(talkers: Readonly<Record<string, Talker>>, line: string, runs: number): Promise<Way[]> {
  const times = Object.fromEntries(Object.keys(talkers).map((way) => [way, [] as number[]]))
  for (let round = -Math.min(20, runs); round < runs; round++) {
    for (const [way, talker] of Object.entries(talkers)) {
      const ms = (await talker.ask(line)) as number
      if (round >= 0) times[way]?.push(ms)
    }
  }
  return Object.entries(times).map(([way, values]) => ({ name: way, summary: summarize(values) }))
}

function started([program = '', ...args]: readonly string[], env: NodeJS.ProcessEnv): Talker {
  const child = spawn(program, args, { env, stdio: ['pipe', 'pipe', 'inherit'] })
  const { stdin, stdout } = child
  return talker([program, ...args].join(' '), {
    stdin,
    stdout,
    ended: once(child, 'exit'),
    stop: () => void child.kill(),
  })
}

function talker(
  words: string,
  { stdin, stdout, ended, stop }: { stdin: Writable; stdout: Readable; ended: Promise<unknown>; stop: () => void },
): Talker {
  const lines = createInterface({ input: stdout })[Symbol.asyncIterator]()
  return {
    async ask(line) {
      if (line !== '') stdin.write(`${line}\n`)
      const next = await Promise.race([lines.next(), ended.then(() => undefined)])
      if (next === undefined || next.done === true) throw new Error(`${words} ended`)
      return JSON.parse(next.value)
    },
    [Symbol.dispose]: stop,
  }
}
