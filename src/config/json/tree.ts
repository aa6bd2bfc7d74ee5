import { createRequire } from 'node:module'
import type * as jsonc from 'jsonc-parser'
import { SyntaxProblem } from '../problem.ts'
import type { Tree } from '../tree.ts'
import { createTreeBuilder } from '../tree-builder.ts'

/** The wording for each of the parser's codes (`ParseErrorCode`), and what to do. */
const wording: Readonly<Record<jsonc.ParseErrorCode, readonly [why: string, fix: string]>> = {
  1: ['this is not JSON', 'texts are written in double quotes; numbers, true, false and null without'],
  2: ['this is not a number', 'write a decimal number without leading zeros or a plus sign'],
  3: ['a key in double quotes belongs here', 'write "key": value'],
  4: ['a value belongs here', 'write a value, or remove what announces it'],
  5: ['a colon belongs here', 'write "key": value'],
  6: ['a comma belongs here', 'separate entries with a comma'],
  7: ['a closing brace belongs here', 'every { needs its }'],
  8: ['a closing bracket belongs here', 'every [ needs its ]'],
  9: ['the file goes on after its end', 'one file has one outermost value'],
  10: ['comments are not allowed here', 'remove the comment'],
  11: ['this comment does not end', 'write */ at its end'],
  12: ['this text does not end', 'write " at its end; a line break in a text is \\n'],
  13: ['this number does not end', 'write the digits'],
  14: ['this is not a Unicode escape', 'write \\u and four hexadecimal digits'],
  15: ['this is not an escape', 'one of \\" \\\\ \\/ \\b \\f \\n \\r \\t \\u'],
  16: ['this character has to be written as an escape', 'write \\u and four hexadecimal digits'],
}

/**
 * JSON with comments and trailing commas.
 * @throws SyntaxProblem
 */
export function parseJson(text: string): Tree {
  // The package's ES modules do not run in Node (imports without suffix); this is the half that it takes to read.
  const { visit } = createRequire(import.meta.url)('jsonc-parser/lib/umd/impl/parser.js') as Pick<typeof jsonc, 'visit'>
  const start = text.startsWith('\u{FEFF}') ? 1 : 0
  const build = createTreeBuilder()
  const visitor: jsonc.JSONVisitor = {
    onObjectBegin: (offset) => build.table(offset + start),
    onObjectEnd: () => build.end(),
    onArrayBegin: (offset) => build.list(offset + start),
    onArrayEnd: () => build.end(),
    onObjectProperty: (key, offset) => build.key(key, offset + start),
    onLiteralValue: (value: string | number | boolean | null, offset) => build.leaf(value, offset + start),
    onError: (code, offset) => {
      const [why, fix] = wording[code]
      throw new SyntaxProblem(offset + start, why, fix)
    },
  }
  visit(text.slice(start), visitor, { disallowComments: false, allowTrailingComma: true, allowEmptyContent: true })
  return build.finish()
}
