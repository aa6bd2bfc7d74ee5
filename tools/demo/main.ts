import { release } from 'node:os'
import path from 'node:path'
import { launcher } from '../lay-out.ts'
import { paint } from '../paint.ts'
import {
  install,
  introduce,
  misuseMessages,
  misuseSystem,
  showCost,
  showReceipt,
  use,
  type Expect,
} from './chapters.ts'
import { chapter, marks } from './page.ts'
import { setScene } from './scene.ts'
import { connect } from './server.ts'

/** `npm run demo`: a real MCP server in the jail, what it can do there, and what it cannot. */
const started = performance.now()
const failures: string[] = []
try {
  await demo((holds, otherwise) => {
    if (!holds) failures.push(otherwise)
  })
} catch (error) {
  failures.push(error instanceof Error ? error.message : String(error))
}
conclude()

async function demo(expect: Expect): Promise<void> {
  await using scene = await setScene()
  const own = { HOME: scene.home, GLOVEBOX_HOME: path.join(scene.directory, 'glovebox'), GLOVEBOX_INSIDE: launcher }
  const env = { ...process.env, ...own }
  const who = process.getuid?.() === 0 ? 'as root' : 'as an ordinary user'
  process.stdout.write(
    `\n${paint.bold('Glovebox')}  ${paint.dim(`Linux ${release().split('-')[0]}, ${who}, Node ${process.version}`)}\n`,
  )

  chapter(1, 'A real MCP server, from npm')
  const server = await install(scene)
  const bare = [process.execPath, server.script, scene.notes, scene.drafts]
  const receipt = path.join(scene.directory, 'receipt.json')
  const flags = ['--read', scene.notes, '--write', scene.drafts, '--deny-tools', 'move_file', '--receipt', receipt]
  const walled = [...scene.glovebox, 'run', ...flags, '--', ...bare]
  {
    await using connection = await connect(walled, env)
    chapter(2, 'The same server behind the wall')
    await introduce(connection, scene, expect)
    chapter(3, 'What it may do')
    await use(connection, scene, expect)
    chapter(4, 'What it may not do: messages')
    await misuseMessages(connection, scene, expect)
  }
  chapter(5, 'What it may not do: whatever its code tries')
  await misuseSystem(scene, env, expect)
  chapter(6, 'The receipt: what was held, and by what')
  showReceipt(receipt, expect)
  chapter(7, 'What it costs')
  await showCost(bare, walled, env)
}

function conclude(): void {
  const seconds = ((performance.now() - started) / 1000).toFixed(1)
  const told = failures.map((failure) => `${marks.bad} ${failure}`)
  if (told.length === 0) told.push(`${marks.good} All of it as it has to be, in ${seconds} s.`)
  else process.exitCode = 1
  process.stdout.write(`\n${told.join('\n')}\n\n`)
}
