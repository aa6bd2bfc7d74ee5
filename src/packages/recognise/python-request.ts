import { GloveboxError } from '../../errors.ts'

/** `3`, `3.12`, `3.12.3`, and the same behind a name of CPython's: `python3.12`, `cpython@3.12`, `cpython-3.12.3`. */
const dotted = /^(?:c?python[@-]?)?(\d+(?:\.\d+){0,2})$/
/** `cp312`, `312`, and what a wheel's tag would say. */
const joined = /^(?:cp|c?python)?3(\d{2})$/
const specifier = /^\s*(?:==|~=|!=|<=|>=|<|>)\s*\d+(?:\.\d+){0,2}(?:\.\*)?\s*$/

/**
 * What `--python` asks for (docs.astral.sh/uv, "Requesting a version"; pipx has names of programs).
 * @returns a version or its beginning (`3.12`), or specifiers of PEP 440 (`>=3.11,<3.13`); undefined where any Python will do
 * @throws GloveboxError USAGE for a path, and for another Python than CPython
 */
export function pythonRequest(runner: string, asked: string): string | undefined {
  const text = asked.toLowerCase()
  if (/^c?python3?$/.test(text)) return undefined
  const minor = joined.exec(text)?.[1]
  if (minor !== undefined) return `3.${Number(minor)}`
  const version = dotted.exec(text)?.[1]
  if (version !== undefined) return version
  if (asked.split(',').every((item) => specifier.test(item))) return asked.replaceAll(/\s/g, '')
  throw new GloveboxError('USAGE', `${runner}: --python ${asked} is not a version of CPython`, {
    fix: 'write a version, such as 3.12, or what it may be, such as ">=3.11,<3.13"',
  })
}
