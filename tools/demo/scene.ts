import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { createServer, type AddressInfo, type Server } from 'node:net'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { root } from '../checks.ts'
import { layOut } from '../lay-out.ts'

/** Everything the demo touches: files of its own, and a listener of its own on the loopback address. */
export interface Scene extends AsyncDisposable {
  readonly directory: string
  readonly notes: string
  readonly drafts: string
  /** Outside what the server is given. */
  readonly diary: string
  /** A home of the demo's own, with a key in it: nobody's real one is touched. */
  readonly home: string
  readonly key: string
  /** The command line that `glovebox …` stands for: of the program as it is installed. */
  readonly glovebox: readonly string[]
  readonly port: number
  connections(): number
}

export async function setScene(): Promise<Scene> {
  mkdirSync(path.join(root, 'build'), { recursive: true })
  const installed = mkdtempSync(path.join(root, 'build/demo-'))
  const glovebox = [process.execPath, layOut(installed)]
  const directory = mkdtempSync(path.join(tmpdir(), 'glovebox-demo-'))
  const write = (name: string, text: string): string => {
    const file = path.join(directory, name)
    mkdirSync(path.dirname(file), { recursive: true })
    writeFileSync(file, text)
    return file
  }
  const groceries = write('notes/groceries.txt', 'apples, bread, two candles\n')
  mkdirSync(path.join(directory, 'drafts'))
  const listener = countingListener()
  await new Promise<void>((resolve) => listener.server.listen(0, '127.0.0.1', resolve))
  return {
    directory,
    notes: path.dirname(groceries),
    drafts: path.join(directory, 'drafts'),
    diary: write('private/diary.txt', 'Dear diary, nobody reads this.\n'),
    home: path.join(directory, 'home'),
    key: write('home/.ssh/id_ed25519', 'a key of the demo, which opens nothing\n'),
    glovebox,
    port: (listener.server.address() as AddressInfo).port,
    connections: listener.count,
    async [Symbol.asyncDispose]() {
      await new Promise((resolve) => listener.server.close(resolve))
      for (const each of [directory, installed]) rmSync(each, { recursive: true })
    },
  }
}

function countingListener(): { server: Server; count: () => number } {
  let connections = 0
  const server = createServer((socket) => {
    connections++
    socket.end('hello\n')
  })
  return { server, count: () => connections }
}
