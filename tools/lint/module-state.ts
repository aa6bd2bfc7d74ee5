import { isNode, type Node, type Rule } from './ast.ts'
import { isHouse, pathFrom } from './scope.ts'

const collections: ReadonlySet<string> = new Set(['Map', 'Set', 'WeakMap', 'WeakSet', 'Array'])

/**
 * No module-level mutable state: two uses of one module in a process (two sandboxes, two tests) would share it.
 * A collection that is filled once is declared with a `Readonly…` type.
 */
export const moduleState: Rule = {
  meta: { type: 'problem', docs: { description: 'modules hold no state that changes' } },
  create(context) {
    if (!isHouse(pathFrom(context))) return {}
    return {
      Program: (program) => {
        for (const { kind, declaration, node } of declarations(program)) {
          const why = kind === 'const' ? mutable(declaration) : `\`${kind}\` at the top of a module is shared state`
          if (why !== undefined)
            context.report({ node, message: `${why}: keep it in a closure or an object that someone owns` })
        }
      },
      PropertyDefinition: (node) => {
        if (node['static'] === true && node['readonly'] !== true) {
          context.report({
            node,
            message: 'a static field that changes is module-level state: mark it readonly or give it to an object',
          })
        }
      },
    }
  },
}

interface Declared {
  readonly kind: string
  readonly declaration: Node
  readonly node: Node
}

function* declarations(program: Node): Generator<Declared> {
  for (const statement of program['body'] as Node[]) {
    const exported = statement.type === 'ExportNamedDeclaration' ? statement['declaration'] : statement
    if (!isNode(exported) || exported.type !== 'VariableDeclaration') continue
    // `declare const` (ambient) declares nothing that exists here.
    if (exported['declare'] === true) continue
    for (const declaration of exported['declarations'] as Node[]) {
      yield { kind: String(exported['kind']), declaration, node: declaration }
    }
  }
}

function mutable(declaration: Node): string | undefined {
  const value = declaration['init']
  if (!isNode(value) || isReadonly(declaration)) return undefined
  const made = value.type === 'NewExpression' && isNode(value['callee']) ? String(value['callee']['name']) : ''
  if (collections.has(made)) return `a ${made} without a Readonly type at the top of a module is shared state`
  if (isEmpty(value)) return 'an empty collection at the top of a module is there to be filled'
  return undefined
}

function isEmpty(value: Node): boolean {
  const content = value.type === 'ArrayExpression' ? value['elements'] : value['properties']
  return (value.type === 'ArrayExpression' || value.type === 'ObjectExpression') && (content as unknown[]).length === 0
}

/** `const x: ReadonlySet<…>`, `Readonly<…>`, `ReadonlyMap<…>`, `readonly T[]`. */
function isReadonly(declaration: Node): boolean {
  const id = declaration['id']
  const annotation = isNode(id) ? id['typeAnnotation'] : undefined
  const type = isNode(annotation) ? annotation['typeAnnotation'] : undefined
  if (!isNode(type)) return false
  if (type.type === 'TSTypeOperator') return type['operator'] === 'readonly'
  const name = type.type === 'TSTypeReference' ? type['typeName'] : undefined
  return isNode(name) && String(name['name']).startsWith('Readonly')
}
