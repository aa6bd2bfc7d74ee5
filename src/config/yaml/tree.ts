import { Lexer, isAlias, isMap, isScalar, isSeq, parseDocument, type Document, type Node } from 'yaml'
import { SyntaxProblem } from '../problem.ts'
import { createTreeBuilder, type TreeBuilder } from '../tree-builder.ts'
import { maxDepth, type Tree } from '../tree.ts'

/**
 * YAML 1.2, core schema, one document; no anchors, aliases, tags, merge keys or directives.
 * @throws SyntaxProblem
 */
export function parseYaml(text: string): Tree {
  const document = parseYamlDocument(text)
  const build = createTreeBuilder()
  if (document.contents !== null) walk(document.contents, build)
  return build.finish()
}

/**
 * The document with its comments, for edits.
 * @throws SyntaxProblem
 */
export function parseYamlDocument(text: string): Document.Parsed {
  refuseTokens(text)
  const document = parseDocument(text, {
    version: '1.2',
    schema: 'core',
    merge: false,
    // The tree builder finds keys written twice; the parser's own check takes quadratic time.
    uniqueKeys: false,
    stringKeys: true,
    prettyErrors: false,
  })
  const [error] = [...document.errors, ...document.warnings]
  if (error) throw new SyntaxProblem(error.pos[0], wording(error.code, error.message), 'see yaml.org/spec/1.2.2')
  return document
}

function wording(code: string, message: string): string {
  if (code === 'MULTIPLE_DOCS') return 'there is a second document in this file'
  if (message.includes('call stack')) return `this is nested more than ${maxDepth} deep`
  return `this is not YAML: ${message.charAt(0).toLowerCase()}${message.slice(1)}`
}

/** What can be said from the tokens alone, before a tree of unknown depth is built. */
function refuseTokens(text: string): void {
  let offset = 0
  let depth = 0
  let onLine = 0
  for (const token of new Lexer().lex(text)) {
    // Control characters that the lexer puts in front of what follows: document and flow-in-block markers.
    if (token === '\u{02}' || token === '\u{18}' || token === '\u{1f}') continue
    depth += token === '[' || token === '{' ? 1 : token === ']' || token === '}' ? -1 : 0
    onLine = token.includes('\n') ? 0 : onLine + (token === '-' || token === '?' || token === ':' ? 1 : 0)
    if (depth < 0) throw new SyntaxProblem(offset, `there is no opening bracket for this "${token}"`, 'remove it')
    // Compact notation nests a level for each of these on one line; inside brackets they do not.
    if (depth > maxDepth || (depth === 0 && onLine > maxDepth)) {
      throw new SyntaxProblem(offset, `this is nested more than ${maxDepth} deep`, 'no key of Glovebox needs that')
    }
    if (token.startsWith('%') && offset === lineStart(text, offset) && isDirective(token)) {
      throw new SyntaxProblem(offset, 'directives are not read', 'remove this line: the version is always 1.2')
    }
    offset += token.length
  }
}

function isDirective(token: string): boolean {
  return /^%(YAML|TAG)\b/.test(token)
}

function lineStart(text: string, offset: number): number {
  return text.lastIndexOf('\n', offset - 1) + 1
}

function walk(node: Node, build: TreeBuilder): void {
  const at = node.range?.[0] ?? 0
  if (isAlias(node)) {
    throw new SyntaxProblem(at, 'aliases are not read', 'write the value out: an alias can stand for a thousand values')
  }
  if ('anchor' in node && node.anchor !== undefined) {
    throw new SyntaxProblem(at, 'anchors are not read', 'remove the & and its name')
  }
  if (node.tag !== undefined) throw new SyntaxProblem(at, 'tags are not read', 'remove the ! and what follows it')
  if (isScalar(node)) build.leaf(node.value, at)
  else if (isSeq(node)) {
    build.list(at)
    for (const item of node.items) walk(item as Node, build)
    build.end()
  } else if (isMap(node)) {
    build.table(at)
    for (const { key, value } of node.items) {
      const keyNode = key as Node
      if (!isScalar(keyNode) || typeof keyNode.value !== 'string') {
        throw new SyntaxProblem(keyNode.range?.[0] ?? at, 'a key has to be a text', 'write it in quotes')
      }
      refuseOrnaments(keyNode)
      build.key(keyNode.value, keyNode.range?.[0] ?? at)
      if (value === null) build.leaf(null, keyNode.range?.[1] ?? at)
      else walk(value as Node, build)
    }
    build.end()
  }
}

function refuseOrnaments(node: Node): void {
  if (('anchor' in node && node.anchor !== undefined) || node.tag !== undefined) {
    throw new SyntaxProblem(node.range?.[0] ?? 0, 'anchors and tags are not read', 'remove what is in front of the key')
  }
}
