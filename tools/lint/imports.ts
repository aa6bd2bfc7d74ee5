import { isNode, stringOf, type Node, type Rule } from './ast.ts'
import { whyForbidden } from './rooms.ts'
import { isHouse, pathFrom } from './scope.ts'

/** The import rules of design.md, for `import`, `import type`, `export … from`, `import()` and `require()` alike. */
export const imports: Rule = {
  meta: { type: 'problem', docs: { description: 'rooms import only what design.md lets them' } },
  create(context) {
    const from = pathFrom(context)
    if (!isHouse(from)) return {}
    const check = (node: Node, source: unknown): void => {
      const specifier = stringOf(source)
      const why = specifier === undefined ? undefined : whyForbidden({ from, specifier })
      if (why !== undefined) context.report({ node, message: `${why} (design.md, "Rooms, and who may import whom")` })
    }
    return {
      ImportDeclaration: (node) => check(node, node['source']),
      ExportNamedDeclaration: (node) => check(node, node['source']),
      ExportAllDeclaration: (node) => check(node, node['source']),
      ImportExpression: (node) => check(node, node['source']),
      TSImportType: (node) => check(node, node['source'] ?? node['argument']),
      CallExpression: (node) => {
        const callee = node['callee']
        if (isNode(callee) && ['require', 'getBuiltinModule'].includes(nameOf(callee))) {
          check(node, (node['arguments'] as unknown[])[0])
        }
      },
    }
  },
}

/** `require` of `require(…)`, `getBuiltinModule` of `process.getBuiltinModule(…)`. */
function nameOf(callee: Node): string {
  const named = callee.type === 'MemberExpression' ? callee['property'] : callee
  return isNode(named) && named.type === 'Identifier' ? String(named['name']) : ''
}
