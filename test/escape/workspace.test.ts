import { runners } from '../support/as-user.ts'
import { place } from '../support/workspace.ts'
import { workspaceCases } from './cases/workspace.ts'

for (const runner of runners()) {
  workspaceCases({
    as: ` (${runner.name})`,
    runner,
    placed: (t, name) => place(t, runner, name),
    flags: [],
    isHere: true,
  })
}
