import { isNode, type Node, type Rule } from './ast.ts'
import { pathFrom } from './scope.ts'

const registers: ReadonlySet<unknown> = new Set(['test', 'describe', 'it', 'suite'])

/**
 * While a test file waits between two tests, `node:test` may find that every test it knows of has ended: it runs the
 * file's `after` then, which takes from the tests that come what they need. It happens on a busy machine alone.
 */
export const awaitBeforeTests: Rule = {
  meta: { type: 'problem', docs: { description: 'a test file waits before its first test, and not between two' } },
  create(context) {
    if (!pathFrom(context).endsWith('.test.ts')) return {}
    let functions = 0
    let tests = false
    const enter = (): void => void functions++
    const leave = (): void => void functions--
    const wait = (node: Node): void => {
      if (functions > 0 || !tests) return
      context.report({ node, message: 'wait before the first test: `after` may run while the file waits between two' })
    }
    return {
      FunctionDeclaration: enter,
      'FunctionDeclaration:exit': leave,
      FunctionExpression: enter,
      'FunctionExpression:exit': leave,
      ArrowFunctionExpression: enter,
      'ArrowFunctionExpression:exit': leave,
      CallExpression: (node) => {
        const callee = node['callee']
        if (functions === 0 && isNode(callee) && registers.has(callee['name'])) tests = true
      },
      AwaitExpression: wait,
      ForOfStatement: (node) => {
        if (node['await'] === true) wait(node)
      },
    }
  },
}
