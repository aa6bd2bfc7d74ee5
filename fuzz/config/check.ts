import { isDeepStrictEqual } from 'node:util'
import { parse as parseToml } from 'smol-toml'
import { GloveboxError } from '../../src/errors.ts'
import { editText } from '../../src/config/edit/edit.ts'
import { readConfig } from '../../src/config/file.ts'
import { readManifest } from '../../src/config/manifest/manifest.ts'
import { folderOf } from '../../src/config/profile/folder.ts'
import { readProfile } from '../../src/config/profile/parse.ts'
import { SyntaxProblem } from '../../src/config/problem.ts'
import { parseAs, type Spelling } from '../../src/config/spelling.ts'
import { plainOf, type Tree } from '../../src/config/tree.ts'
import { checkRule } from './network.ts'
import type { Kind } from './texts.ts'

/** How a text was taken. @throws what no text may lead to, with why */
export async function checkText(kind: Kind, text: string): Promise<'read' | 'refused'> {
  const before = Object.getOwnPropertyNames(Object.prototype).join()
  const taken = await take(kind, text)
  if (Object.getOwnPropertyNames(Object.prototype).join() !== before) throw new Error('Object.prototype was changed')
  return taken
}

async function take(kind: Kind, text: string): Promise<'read' | 'refused'> {
  if (kind === 'network') return checkRule(text)
  if (kind === 'profile')
    return orRefused(() => readProfile('p', [folderOf('user', '/p', profileFiles(text))], '/home/me'), text)
  if (kind === 'manifest') return orRefused(async () => readManifest({ path: 'm.json', text }), text)
  const tree = await treeOf(kind, text)
  if (tree === undefined) return 'refused'
  checkPlaces(tree, text)
  checkOracle(kind, text, tree)
  const taken = await orRefused(async () => readConfig({ path: `glovebox.${kind}`, text }), text)
  if (taken === 'read') await checkEdit(kind, text)
  return taken
}

function profileFiles(text: string): Map<string, string> {
  return new Map([
    ['p.profile', text],
    ['common.inc', 'net none\n'],
    ['more.inc', 'include p.profile\n'],
  ])
}

/** A refusal is an error of ours that says where and what to do; anything else is a crash. */
async function orRefused(act: () => unknown, text: string): Promise<'read' | 'refused'> {
  try {
    await act()
    return 'read'
  } catch (error) {
    if (!(error instanceof GloveboxError)) throw error
    const [, line] = /^[^:]*:(\d+)/.exec(error.message) ?? []
    const lines = text.split(/\r\n|\n|\r/).length
    if (line === undefined || Number(line) < 1 || Number(line) > Math.max(2, lines))
      throw new Error(`no place: ${error.message}`, { cause: error })
    if (error.fix === undefined || error.fix === '') throw new Error(`no fix: ${error.message}`, { cause: error })
    if (/[\u{0}-\u{1f}\u{7f}-\u{9f}\u{202a}-\u{202e}]/u.test(error.message))
      throw new Error('a message speaks to the terminal', { cause: error })
    return 'refused'
  }
}

async function treeOf(kind: Spelling, text: string): Promise<Tree | undefined> {
  try {
    return await parseAs(kind, text)
  } catch (error) {
    if (!(error instanceof SyntaxProblem)) throw error
    if (error.offset < 0 || error.offset > text.length)
      throw new Error(`a problem at ${error.offset} of ${text.length}`, { cause: error })
    return undefined
  }
}

function checkPlaces(tree: Tree, text: string): void {
  if (tree.at < 0 || tree.at > text.length) throw new Error(`a value at ${tree.at} of ${text.length}`)
  if (tree.kind === 'list') for (const item of tree.items) checkPlaces(item, text)
  if (tree.kind !== 'table') return
  for (const { keyAt, value } of tree.entries) {
    if (keyAt < 0 || keyAt > text.length) throw new Error(`a key at ${keyAt} of ${text.length}`)
    checkPlaces(value, text)
  }
}

/** Another reader of the same text says the same. YAML has none that knows our restrictions. */
function checkOracle(kind: Spelling, text: string, tree: Tree): void {
  if (kind === 'toml' && !isDeepStrictEqual(plainOf(tree), parseToml(text))) throw new Error('TOML is read differently')
  if (kind !== 'json') return
  const strict = strictJson(text.replace(/^\u{FEFF}/u, ''))
  if (strict !== undefined && !isDeepStrictEqual(bare(strict.value), plainOf(tree)))
    throw new Error('JSON is read differently')
}

function strictJson(text: string): { value: unknown } | undefined {
  try {
    return { value: JSON.parse(text) }
  } catch (error) {
    if (error instanceof SyntaxError) return undefined
    throw error
  }
}

function bare(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(bare)
  if (typeof value !== 'object' || value === null) return value
  const made: Record<string, unknown> = Object.create(null)
  for (const [key, item] of Object.entries(value)) made[key] = bare(item)
  return made
}

/** A server that is added and taken out again leaves what the file says; an edit is made whole or refused. */
async function checkEdit(kind: Spelling, text: string): Promise<void> {
  const path = ['mcpServers', 'zz-fuzz']
  const before = plainOf(await parseAs(kind, text))
  try {
    const added = await editText(kind, text, { kind: 'set', path, value: { command: 'x', args: ['\n', '"', '#'] } })
    const back = await editText(kind, added, { kind: 'remove', path })
    const after = withoutServers(plainOf(await parseAs(kind, back)))
    if (!isDeepStrictEqual(after, withoutServers(before))) throw new Error('an edit changed what was around it')
  } catch (error) {
    if (!(error instanceof GloveboxError) || error.code !== 'FAILED') throw error
    // A refusal is for TOML that would have to be laid out anew.
    if (kind !== 'toml') throw new Error(`a ${kind} file could not be edited: ${error.message}`, { cause: error })
  }
}

/** An empty table of servers is left behind where there was none. */
function withoutServers(plain: ReturnType<typeof plainOf>): unknown {
  if (typeof plain !== 'object' || plain === null || Array.isArray(plain)) return plain
  return bare(
    Object.fromEntries(
      Object.entries(plain).filter(([key, item]) => key !== 'mcpServers' || Object.keys(Object(item)).length > 0),
    ),
  )
}
