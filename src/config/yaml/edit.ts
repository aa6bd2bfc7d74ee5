import { isMap, isScalar, isSeq, visit, type Document } from 'yaml'
import type { Edit } from '../edit/edit.ts'
import { parseYamlDocument } from './tree.ts'

/**
 * YAML with one change: the document with its comments and order, written anew in the indentation that it has.
 * Blanks inside of lines may come out differently; no word and no comment does.
 */
export function editYaml(text: string, edit: Edit): string | undefined {
  const document = parseYamlDocument(text)
  if (edit.kind === 'remove') document.deleteIn(edit.path)
  else set(document, edit)
  const written = document.toString({
    lineWidth: 0,
    indent: indentOf(text),
    indentSeq: indentsLists(text, document),
    flowCollectionPadding: !/\[\S|\{\S/.test(text),
    nullStr: text.includes('~') ? '~' : 'null',
  })
  return text.includes('\r\n') ? written.replaceAll(/\r?\n/g, '\r\n') : written
}

function set(document: Document.Parsed, { path, value }: Extract<Edit, { kind: 'set' }>): void {
  // `key:` without a value is null, into which nothing can be set.
  for (let length = 1; length < path.length; length++) {
    const at = document.getIn(path.slice(0, length), true)
    if (isScalar(at) && at.value === null) document.setIn(path.slice(0, length), document.createNode({}))
  }
  if (document.contents === null) document.contents = document.createNode({}) as unknown as typeof document.contents
  const node = document.createNode(value)
  visit(node, {
    Seq: (_key, list) => {
      list.flow = list.items.every(isScalar)
    },
  })
  document.setIn(path, node)
}

/** One step of indentation: that of the first line that has one. */
function indentOf(text: string): number {
  return Math.min(8, Math.max(1, /^( +)[^\s#-]/m.exec(text)?.[1]?.length ?? 2))
}

/** Whether the lists of a text stand further in than the key above them. */
function indentsLists(text: string, document: Document.Parsed): boolean {
  let indented: boolean | undefined
  const column = (offset: number): number => offset - (text.lastIndexOf('\n', offset - 1) + 1)
  visit(document, {
    Pair: (_key, { key, value }) => {
      if (!isScalar(key) || !isSeq(value) || value.flow === true || isMap(value)) return undefined
      indented ??= column(value.range?.[0] ?? 0) > column(key.range?.[0] ?? 0)
      return undefined
    },
  })
  return indented ?? true
}
