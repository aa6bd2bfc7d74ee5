import type { Rule } from './ast.ts'
import { awaitBeforeTests } from './await-before-tests.ts'
import { driverNames } from './driver-names.ts'
import { imports } from './imports.ts'
import { moduleState } from './module-state.ts'
import { noShell } from './no-shell.ts'

/** The rules of the house (design.md) that no linter ships; .oxlintrc.json turns them on. */
const plugin: { meta: { name: string }; rules: Record<string, Rule> } = {
  meta: { name: 'house' },
  rules: {
    imports,
    'module-state': moduleState,
    'driver-names': driverNames,
    'no-shell': noShell,
    'await-before-tests': awaitBeforeTests,
  },
}

export default plugin
