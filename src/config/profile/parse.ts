import { GloveboxError } from '../../errors.ts'
import { untrusted } from '../../ui/untrusted.ts'
import { nearest } from '../schema/nearest.ts'
import { quoted, type Wrong } from '../schema/words.ts'
import type { Source } from '../source.ts'
import { directives } from './directives.ts'
import { finishProfile, newDraft, type Draft, type OnMistake, type Place, type Profile } from './draft.ts'
import { profileFile, type ProfileFolder } from './folder.ts'

/** Far more than profiles have, and few enough that including each other twice at every step comes to an end. */
const maxIncludes = 32

/**
 * The profile `NAME.profile` of the first folder that has it; `include` looks in the same folders.
 * Undefined when none has it.
 * @throws ProfileError naming file and line
 */
export function readProfile(name: string, folders: readonly ProfileFolder[], home: string): Profile | undefined {
  const found = find(`${name}.profile`, folders)
  if (found === undefined) return undefined
  const mistakes: Mistake[] = []
  const onMistake = ({ file, line }: Place, why: string, fix: string): void => {
    mistakes.push({ message: untrusted(`${file}:${line}: ${why}`), fix })
  }
  const draft = newDraft(home)
  readLines(found, { folders, draft, included: 0, onMistake }, [])
  const profile = finishProfile(name, draft, onMistake)
  const [first, ...more] = mistakes
  if (first !== undefined) throw new ProfileError(first, more)
  return profile
}

/** What is wrong in a profile: `FILE:LINE: why`. */
export interface Mistake {
  readonly message: string
  readonly fix: string
}

/** The first mistake of a profile, saying how many there are. */
export class ProfileError extends GloveboxError {
  readonly mistakes: readonly Mistake[]
  constructor(first: Mistake, more: readonly Mistake[]) {
    const others = more.length === 0 ? '' : ` (and ${more.length} more: glovebox policy check)`
    super('POLICY_INVALID', `${first.message}${others}`, { fix: first.fix })
    this.mistakes = [first, ...more]
  }
}

interface Found {
  readonly source: Source
  readonly isBuiltIn: boolean
}

interface Reading {
  readonly folders: readonly ProfileFolder[]
  readonly draft: Draft
  included: number
  readonly onMistake: OnMistake
}

function find(file: string, folders: readonly ProfileFolder[]): Found | undefined {
  for (const folder of folders) {
    const source = folder.read(file)
    if (source !== undefined) return { source, isBuiltIn: folder.kind === 'built-in' }
  }
  return undefined
}

function readLines({ source, isBuiltIn }: Found, reading: Reading, above: readonly string[]): void {
  for (const [index, whole] of source.text
    .replace(/^\u{FEFF}/u, '')
    .split(/\r\n|\n|\r/)
    .entries()) {
    const line = whole.trim()
    if (line === '' || line.startsWith('#')) continue
    const place: Place = { file: source.path, line: index + 1, isBuiltIn }
    const [, word = '', argument = ''] = /^(\S+)\s*(.*)$/.exec(line) ?? []
    if (word === 'include') include(argument, place, reading, [...above, source.path])
    else {
      const wrong = apply(word, argument, reading.draft, place)
      if (wrong !== undefined) reading.onMistake(place, wrong[0], wrong[1])
    }
  }
}

function apply(word: string, argument: string, draft: Draft, place: Place): Wrong {
  if (argument.includes('\0')) return ['there is a NUL character in this line', 'remove it']
  if (Object.hasOwn(directives, word)) return directives[word]?.apply(argument, draft, place)
  const near = nearest(word, [...Object.keys(directives), 'include'])
  return [
    `the directive ${quoted(word)} means nothing here`,
    near === undefined ? 'remove the line; docs/profiles.md lists what means something' : `did you mean "${near}"?`,
  ]
}

function include(name: string, place: Place, reading: Reading, above: readonly string[]): void {
  const { folders, onMistake } = reading
  if (!profileFile.test(name)) {
    return onMistake(
      place,
      `${quoted(name)} is not the name of a file in a profile folder`,
      'write the name alone: NAME.profile, NAME.inc or NAME.local',
    )
  }
  const found = find(name, folders)
  if (found === undefined) {
    const where = folders.map(({ path }) => path).join(', ')
    return onMistake(place, `there is no ${quoted(name)} to include`, `put it into one of ${where}`)
  }
  if (above.includes(found.source.path)) {
    return onMistake(place, `${found.source.path} includes itself`, 'remove one of the include lines of the circle')
  }
  reading.included += 1
  if (reading.included === maxIncludes + 1) {
    onMistake(place, `more than ${maxIncludes} files are included`, 'include less')
  }
  if (reading.included <= maxIncludes) readLines(found, reading, above)
}
