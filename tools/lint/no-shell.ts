import { isNode, stringOf, type Node, type Rule } from './ast.ts'
import { isHouse, pathFrom } from './scope.ts'

/** `exec("…")` and `shell: true` hand a string to a shell, and with it every name that somebody else chose. */
export const noShell: Rule = {
  meta: { type: 'problem', docs: { description: 'no shell between us and a command' } },
  create(context) {
    if (!isHouse(pathFrom(context))) return {}
    return {
      ImportDeclaration: (node) => {
        if (!/^(node:)?child_process$/.test(stringOf(node['source']) ?? '')) return
        for (const specifier of node['specifiers'] as Node[]) {
          const imported = specifier['imported']
          const name = isNode(imported) ? String(imported['name']) : '*'
          if (['exec', 'execSync', '*', 'default'].includes(name)) {
            context.report({
              node: specifier,
              message: `import spawn or execFile by name, not ${name}: no shell between us and a command`,
            })
          }
        }
      },
      Property: (node) => {
        const [key, value] = [node['key'], node['value']]
        const named = isNode(key) && (key['name'] === 'shell' || key['value'] === 'shell')
        const isOff = isNode(value) && value.type === 'Literal' && value['value'] === false
        if (named && node['computed'] !== true && isNode(value) && value.type === 'Literal' && !isOff) {
          context.report({ node, message: 'no shell between us and a command' })
        }
      },
    }
  },
}
