import { existsSync, readFileSync, rmSync } from 'node:fs'
import path from 'node:path'
import type { TestContext } from 'node:test'
import { testImageHome } from './image.ts'
import { machineRunner } from './machines.ts'
import { namesIn, place, type Place } from './workspace.ts'

/** With the suite's image and templates, and so with its state; what it leaves there goes. */
export function machinePlace(t: TestContext, name: string): Place {
  const box = place(t, machineRunner(), `machine-${name}`, testImageHome)
  t.after(() => {
    for (const each of leftOf(box)) rmSync(each, { recursive: true, force: true })
  })
  const namesOf = (kind: string): string[] =>
    leftOf(box, [kind])
      .map((each) => path.basename(each))
      .toSorted()
  return { ...box, copies: () => namesOf('workspaces'), backups: () => namesOf('backups') }
}

/** The directories of this workspace's copies and backups. */
export function leftOf({ home, directory }: Place, kinds: readonly string[] = ['backups', 'workspaces']): string[] {
  return kinds
    .flatMap((kind) => {
      const kept = path.join(home, 'state', kind)
      return namesIn(kept).map((each) => path.join(kept, each))
    })
    .filter((each) => aboutOf(each).includes(`"${directory}"`))
}

function aboutOf(directory: string): string {
  const names = ['session.json', 'backup.json'].map((each) => path.join(directory, each))
  return names.map((each) => (existsSync(each) ? readFileSync(each, 'utf8') : '')).join('')
}
