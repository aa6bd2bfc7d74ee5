import { randomBytes } from 'node:crypto'
import { chmodSync, chownSync, copyFileSync, mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import path from 'node:path'
import type { Runner } from '../../support/as-user.ts'
import { attacksBinary } from './binaries.ts'
import { startWitness, type Witness } from './witness.ts'

/**
 * A corner of the host with something to lose, all of it the tests' own: what is given to the sandbox
 * (`ws` to write, `ro` to read, `bin` to run) and, beside it, what is not.
 */
export interface Place {
  readonly runner: Runner
  /** Tells the objects of this place apart from those of others. */
  readonly name: string
  /** Stands in every secret of this place, in no path and in no argument. */
  readonly token: string
  readonly base: string
  /** Given to write, nothing in it may be executed. */
  readonly ws: string
  /** Given to read. Its files belong to the runner, so that their mode protects them from nothing. */
  readonly ro: string
  readonly readOnly: string
  /** Given to read and execute. */
  readonly bin: string
  readonly attacks: string
  /** The same program under another name, which nobody runs. */
  readonly idle: string
  /** Given to read and execute, but in no list of what may be executed. */
  readonly forbidden: string
  /** A program whose interpreter is whoever starts it. */
  readonly script: string
  /** A directory with a program that is another identity's, set-id, where root has made it. */
  readonly suid: string
  /** Not given: beside the workspace, in a home, in the host's /tmp. */
  readonly secret: string
  readonly homeSecret: string
  readonly tmpSecret: string
  /** Given, but denied: a file and a directory of the workspace. */
  readonly denied: string
  readonly deniedDirectory: string
  readonly deniedInner: string
  readonly witness: Witness
  remove(): Promise<void>
}

/** @param program the attacking one, for the processor that its sandboxes have */
export async function makePlace(runner: Runner, program: string = attacksBinary(runner)): Promise<Place> {
  const name = randomBytes(4).toString('hex')
  const token = `token-${randomBytes(12).toString('hex')}`
  const base = mkdtempSync(path.join(runner.tmp, 'place-'))
  const at = (...names: string[]): string => path.join(base, ...names)
  const place = {
    runner,
    name,
    token,
    base,
    ws: at('ws'),
    ro: at('ro'),
    readOnly: at('ro', 'own.txt'),
    bin: at('bin'),
    attacks: at('bin', 'attacks'),
    idle: at('bin', 'idle'),
    forbidden: at('other', 'forbidden'),
    script: at('bin', 'script'),
    suid: at('suid'),
    secret: at('secret.txt'),
    homeSecret: path.join(runner.home, '.ssh', `id-${name}`),
    tmpSecret: `/tmp/glovebox-canary-${name}`,
    denied: at('ws', 'denied.txt'),
    deniedDirectory: at('ws', 'private'),
    deniedInner: at('ws', 'private', 'inner.txt'),
  }
  const owned = ownedBy(runner)
  for (const directory of [base, place.ws, place.ro, place.bin, place.suid, at('other'), place.deniedDirectory]) {
    owned.directory(directory)
  }
  owned.directory(path.dirname(place.homeSecret), 0o700)
  for (const file of [place.secret, place.homeSecret, place.tmpSecret, place.denied, place.deniedInner]) {
    owned.file(file, `${token}\n`, 0o600)
  }
  owned.file(place.readOnly, 'for reading\n', 0o644)
  owned.program(program, place.attacks)
  owned.program(program, place.idle)
  owned.program(program, place.forbidden)
  owned.file(place.script, '#!/proc/self/exe\n', 0o755)
  owned.program(program, at('suid', 'program'))
  if (process.getuid?.() === 0) giveAway(at('suid', 'program'), runner.uid === 0 ? anybody : 0)
  // The rest lies in directories of the runner's, which go with the test process.
  const removeLate = (): void => rmSync(place.tmpSecret, { force: true })
  process.once('exit', removeLate)
  const witness = await startWitness(runner, place)
  return {
    ...place,
    witness,
    async remove() {
      process.off('exit', removeLate)
      await witness.end()
      for (const gone of [base, place.homeSecret, place.tmpSecret]) rmSync(gone, { recursive: true, force: true })
    },
  }
}

/** No user of this host. */
const anybody = 61235

function giveAway(program: string, to: number): void {
  chownSync(program, to, to)
  chmodSync(program, 0o6755)
}

/** Files and directories that belong to the runner, whoever makes them, and whatever the umask. */
function ownedBy({ uid, gid }: Runner): {
  directory(name: string, mode?: number): void
  file(name: string, text: string, mode: number): void
  program(from: string, to: string): void
} {
  const give = (name: string, mode: number): void => {
    chownSync(name, uid, gid)
    chmodSync(name, mode)
  }
  return {
    directory(name, mode = 0o755) {
      mkdirSync(name, { recursive: true })
      give(name, mode)
    },
    file(name, text, mode) {
      writeFileSync(name, text)
      give(name, mode)
    },
    program(from, to) {
      copyFileSync(from, to)
      give(to, 0o755)
    },
  }
}
