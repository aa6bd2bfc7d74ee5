import path from 'node:path'
import { ordinaryUser } from '../test/support/as-user.ts'
import type { Figure } from './case.ts'

/** A case once more, in a process of an ordinary user's. */
export async function asOrdinaryUser(name: string, runs: number): Promise<Figure[]> {
  const user = ordinaryUser()
  // The clone as it is: laying out the package writes into it, which this user may not.
  const args = [path.join(user.root, 'bench/main.ts'), name, '--runs', String(runs), '--json', '--clone']
  return new Promise((resolve, reject) => {
    const child = user.spawn(user.node, args, { cwd: user.root, stdio: ['ignore', 'pipe', 'inherit'] })
    let answer = ''
    child.stdout?.setEncoding('utf8').on('data', (text: string) => (answer += text))
    child.on('error', reject)
    child.on('close', (code) => {
      if (code !== 0) return reject(new Error(`${name}, as an ordinary user, ended with exit code ${code}`))
      const figures = JSON.parse(answer) as Figure[]
      resolve(figures.map((figure) => ({ ...figure, name: `${figure.name}, as an ordinary user` })))
    })
  })
}
