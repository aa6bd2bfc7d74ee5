import type { ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { readFileSync } from 'node:fs'
import path from 'node:path'
import type { Runner } from '../as-user.ts'
import { projectRoot } from '../readable-tree.ts'
import type { ShellStep } from './pages.ts'
import { matchesShown } from './pages.ts'

/** Somebody who types what a page shows, in a home of their own. */
export interface Reader extends Disposable {
  /** Runs one command in the project, and gives why it is not as the page says; undefined: it is. */
  type(step: ShellStep): Promise<string | undefined>
  /** Writes a file below the home. */
  write(name: string, text: string): string
  /** `~` and `/home/me` of the pages are this. */
  readonly home: string
}

/** What the examples speak of: directories, a server, a script, a client's file. */
const world = `
mkdir -p bin project/notes project/bin notes drafts work .cursor
printf 'a note\\n' > notes/today.md
printf 'SECRET=1\\n' > work/.env
printf 'print("done")\\n' > project/script.py
printf '{ "type": "module" }\\n' > project/package.json
`

/** @param registry where npm takes packages from */
export function reader(runner: Runner, registry: string): Reader {
  const home = path.join(runner.home, `reader-${process.hrtime.bigint()}`)
  const place = { cwd: runner.home }
  const made = runner.spawnSync('sh', ['-ec', `mkdir ${home} && cd ${home}\n${world}`], place)
  if (made.status !== 0) throw new Error(made.stderr)
  const fixture = (name: string): string => readFileSync(path.join(projectRoot, 'test/fixtures', name), 'utf8')
  const write = (name: string, text: string): string => {
    const file = path.join(home, name)
    const done = runner.spawnSync('sh', ['-ec', `mkdir -p "$(dirname ${file})" && cat > ${file}`], { input: text })
    if (done.status !== 0) throw new Error(done.stderr)
    return file
  }
  write('project/server.js', fixture('tiny-server.mjs'))
  write('.cursor/mcp.json', fixture('import/gemini.json'))
  write('.npmrc', `registry=${registry}\ncache=${home}/.npm\n`)
  write('bin/glovebox', `#!/bin/sh\nexec "${runner.node}" "${runner.root}/bin/glovebox.cjs" "$@"\n`)
  runner.spawnSync('chmod', ['+x', path.join(home, 'bin/glovebox')])
  const env = { ...runner.env, HOME: home, USER: 'me', PATH: `${home}/bin:${runner.env['PATH']}` }

  async function type(step: ShellStep): Promise<string | undefined> {
    const command = step.command.replaceAll('/home/me', home)
    const child = runner.spawn('sh', ['-ec', isEndless(command) ? `exec ${command}` : command], {
      cwd: path.join(home, 'project'),
      env,
      stdio: 'pipe',
    })
    const { code, stdout, stderr } = await talk(child, command)
    const said = `${stdout}${stderr}`.replaceAll(home, '/home/me')
    // A limit that is written down takes a control group: the page says so, and what gives an ordinary user one.
    if (runner.name === 'user' && code === 3 && said.includes('doctor --fix')) return undefined
    if (code !== 0) return `exit code ${code}: ${said}`
    if (isServer(command) && !stdout.includes('"serverInfo"')) return `no answer to initialize: ${said}`
    const shown = step.output
    return shown === undefined || matchesShown(shown, stdout.replaceAll(home, '/home/me')) ? undefined : said
  }

  return {
    home,
    type,
    write,
    [Symbol.dispose]: () => void runner.spawnSync('sh', ['-c', `chmod -R u+w ${home}; rm -rf ${home}`]),
  }
}

interface Said {
  readonly code: number | null
  readonly stdout: string
  readonly stderr: string
}

const hello = `${JSON.stringify({
  jsonrpc: '2.0',
  id: 1,
  method: 'initialize',
  params: { protocolVersion: '2025-11-25', capabilities: {}, clientInfo: { name: 'page', version: '1' } },
})}\n`

/** Plays the client for a server; what follows a record for ever is ended when it has shown something. */
async function talk(child: ChildProcess, command: string): Promise<Said> {
  let [stdout, stderr] = ['', '']
  child.stdout?.setEncoding('utf8').on('data', (text: string) => {
    stdout += text
    if (isServer(command) && stdout.includes('\n')) child.stdin?.end()
    if (isEndless(command)) child.kill('SIGTERM')
  })
  child.stderr?.setEncoding('utf8').on('data', (text: string) => (stderr += text))
  // It may not read what it is given.
  child.stdin?.on('error', () => undefined)
  if (isServer(command)) child.stdin?.write(hello)
  else child.stdin?.end()
  const [code, signal] = (await once(child, 'close')) as [number | null, NodeJS.Signals | null]
  return { code: isEndless(command) && signal === 'SIGTERM' ? 0 : code, stdout, stderr }
}

/** It is ended by a signal, which the shell would keep to itself. */
function isEndless(command: string): boolean {
  return / --follow\b/.test(command)
}

function isServer(command: string): boolean {
  return /^glovebox run\b/.test(command) && !command.includes('--dry-run')
}
