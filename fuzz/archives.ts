/**
 * Fuzzes what unpacks the archives of others into a root filesystem (`image build --from`):
 *
 *     node fuzz/archives.ts --cases 5000 --seed 1     a fixed run
 *     node fuzz/archives.ts --seconds 60              a random one, whose seed is printed
 *     node fuzz/archives.ts --case 1234567            one case again, by the number that a failure names
 *
 * A case is some layers of entries with names and links that lead everywhere, with some bytes of them wrong. Whatever is in them:
 * nothing outside the root changes, nothing but an Error is thrown, no descriptor stays open, and what was unpacked can be removed.
 */
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspect, parseArgs } from 'node:util'
import { createRootWriter } from '../src/drivers/microvm/image/from/root-writer.ts'
import { createForeignTarReader } from '../src/inside/tar/foreign.ts'
import { removeTree } from '../src/packages/store/staging.ts'
import { layer, type LayerEntry } from '../test/support/layers.ts'
import { createRandom, type Random } from './guard/random.ts'

const { values: flags } = parseArgs({
  options: {
    cases: { type: 'string' },
    seconds: { type: 'string' },
    seed: { type: 'string' },
    case: { type: 'string' },
  },
})

const names = ['a', 'b', 'c', 'etc', 'usr', '.wh.a', '.wh.b', '.wh..wh..opq', '.', 'canary', 'd']
/** What ends an archive: seldom, so that others are read to their ends. */
const wrong = ['..', '.wh.', '.wh..', '.wh...']

const base = mkdtempSync(join(tmpdir(), 'glovebox-fuzz-archives-'))
process.on('exit', () => rmSync(base, { recursive: true, force: true }))
writeFileSync(join(base, 'canary'), 'untouched')

if (flags.case === undefined) await run()
else process.stdout.write(`${await runCase(number(flags.case))}\n`)

async function run(): Promise<void> {
  const seed = flags.seed === undefined ? Math.floor(Math.random() * 0x1_0000_0000) : number(flags.seed)
  const maxCases = flags.cases === undefined ? (flags.seconds === undefined ? 2000 : Infinity) : number(flags.cases)
  const start = performance.now()
  const end = flags.seconds === undefined ? Infinity : start + number(flags.seconds) * 1000
  process.stdout.write(`archives: seed ${seed}\n`)
  const outcomes = { unpacked: 0, refused: 0 }
  let cases = 0
  for (let at = seed; cases < maxCases && performance.now() < end; at = (at + 1) >>> 0, cases++)
    outcomes[await runCase(at)]++
  const seconds = ((performance.now() - start) / 1000).toFixed(1)
  process.stdout.write(
    `archives: ${cases} cases in ${seconds} s, ${outcomes.unpacked} unpacked, ${outcomes.refused} refused\n`,
  )
  // A run in which nothing gets through, or nothing is refused, shows nothing.
  if (cases >= 500 && (outcomes.unpacked === 0 || outcomes.refused === 0)) fail('all cases came to the same')
}

/** The number of a case is the seed of its layers. */
async function runCase(at: number): Promise<'unpacked' | 'refused'> {
  const random = createRandom(at)
  const root = join(base, 'root')
  mkdirSync(root)
  const before = readdirSync('/proc/self/fd').length
  let outcome: 'unpacked' | 'refused' = 'unpacked'
  try {
    using writer = createRootWriter(root)
    for (let layers = between(random, 1, 3); layers > 0; layers--) {
      const reader = createForeignTarReader(writer.layer(random.chance(0.8)))
      await reader.push(damaged(layer(...entries(random)), random))
      reader.finish()
    }
    writer.settle()
  } catch (error) {
    // Ours and the system's are plain ones; a mistake of ours is a kind of its own (TypeError).
    if (!(error instanceof Error) || error.constructor !== Error) fail(`case ${at}: ${inspect(error)}`)
    outcome = 'refused'
  }
  if (readdirSync('/proc/self/fd').length !== before) fail(`case ${at}: a descriptor stayed open`)
  removeTree(root)
  const left = readdirSync(base)
  if (left.length !== 1 || readFileSync(join(base, 'canary'), 'utf8') !== 'untouched') {
    fail(`case ${at}: it left the root: ${left.join(', ')}`)
  }
  return outcome
}

/** Both ends belong to it. */
function between(random: Random, from: number, to: number): number {
  return from + random.below(to - from + 1)
}

function pathOf(random: Random): string {
  const parts = [...Array(between(random, 1, 4)).keys()].map(() => random.pick(random.chance(0.01) ? wrong : names))
  return `${random.chance(0.1) ? '/' : ''}${parts.join('/')}`
}

function linkOf(random: Random): string {
  const ways = [base, join(base, 'canary'), '/', '..', '../..', '../canary', '../../../../../..', '/a', 'a/../b', '']
  return random.chance(0.5) ? random.pick(ways) : pathOf(random)
}

function entries(random: Random): LayerEntry[] {
  const files: string[] = []
  return [...Array(between(random, 1, 8)).keys()].map((): LayerEntry => {
    const type = random.pick(['0', '0', '1', '2', '2', '3', '5'] as const)
    const entry = { path: pathOf(random), type, mode: between(random, 0, 0o7777) }
    if (type === '0') files.push(entry.path)
    if (type === '1' && files.length > 0 && random.chance(0.9)) return { ...entry, link: random.pick(files) }
    if (type === '0') return { ...entry, content: 'x'.repeat(between(random, 0, 1500)) }
    return type === '1' || type === '2' ? { ...entry, link: linkOf(random) } : entry
  })
}

/** Seldom, since a wrong sum ends most of it. */
function damaged(archive: Buffer, random: Random): Buffer {
  if (random.chance(0.8)) return archive
  const changed = Buffer.from(archive)
  for (let count = between(random, 1, 3); count > 0; count--)
    changed[between(random, 0, changed.length - 1)] = between(random, 0, 255)
  return random.chance(0.5) ? changed : changed.subarray(0, between(random, 0, changed.length))
}

function number(text: string): number {
  const value = Number(text)
  if (!Number.isSafeInteger(value) || value < 0) fail(`"${text}" is no number`)
  return value
}

function fail(why: string): never {
  process.stderr.write(`archives: ${why}\n`)
  process.exit(1)
}
