import { mkdirSync, mkdtempSync, realpathSync, rmSync, writeFileSync } from 'node:fs'
import os from 'node:os'
import path from 'node:path'
import { compiledFor } from './compiled.ts'

/** A project and a user's places in a directory of their own, gone with `remove`. */
export interface ConfigHome {
  readonly root: string
  readonly project: string
  readonly user: string
  /** An environment in which all places of Glovebox are below `root`. */
  readonly env: NodeJS.ProcessEnv
  /** Writes a file and gives its path; relative ones are below `root`. */
  readonly put: (name: string, text: string) => string
  readonly remove: () => void
}

export function configHome(): ConfigHome {
  const root = realpathSync(mkdtempSync(path.join(os.tmpdir(), 'glovebox-config-')))
  const project = path.join(root, 'project')
  const home = path.join(root, 'places')
  const user = path.join(home, 'config')
  for (const directory of [project, user]) mkdirSync(directory, { recursive: true })
  return {
    root,
    project,
    user,
    env: { PATH: process.env['PATH'] ?? '', GLOVEBOX_HOME: home, ...compiledFor() },
    put(name, text) {
      const file = path.resolve(root, name)
      mkdirSync(path.dirname(file), { recursive: true })
      writeFileSync(file, text)
      return file
    },
    remove: () => rmSync(root, { recursive: true, force: true }),
  }
}
