import { stringOf, type Node, type Rule } from './ast.ts'
import { isHouse, pathFrom } from './scope.ts'

const names: ReadonlySet<string> = new Set(['jail', 'container', 'microvm', 'kubernetes'])
const comparisons: ReadonlySet<unknown> = new Set(['===', '!==', '==', '!='])

/** A branch on a driver's name is a capability that the driver's contract fails to say. */
export const driverNames: Rule = {
  meta: { type: 'problem', docs: { description: 'no driver name is compared outside drivers/registry.ts' } },
  create(context) {
    const file = pathFrom(context)
    if (!isHouse(file) || file === 'src/drivers/registry.ts') return {}
    const check = (node: Node, sides: readonly unknown[]): void => {
      if (sides.some((side) => names.has(stringOf(side) ?? ''))) {
        context.report({
          node,
          message: "a driver's name is compared only in src/drivers/registry.ts: ask the driver what it can do",
        })
      }
    }
    return {
      BinaryExpression: (node) => {
        if (comparisons.has(node['operator'])) check(node, [node['left'], node['right']])
      },
      SwitchCase: (node) => check(node, [node['test']]),
    }
  },
}
