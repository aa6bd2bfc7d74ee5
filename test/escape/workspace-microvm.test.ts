import { suite } from 'node:test'
import { machinePlace } from '../support/machine-workspace.ts'
import { machineRunner, testMachines, whyNoMachines } from '../support/machines.ts'
import { unlessLong, unlessPresent } from '../support/requirement.ts'
import { workspaceCases } from './cases/workspace.ts'

const missing = unlessPresent('QEMU', whyNoMachines()) || unlessLong('attacks by workspaces of machines')
if (missing === false) await testMachines()

suite('in virtual machines', { skip: missing }, () => {
  workspaceCases({
    as: '',
    runner: machineRunner(),
    placed: machinePlace,
    flags: ['--driver', 'microvm'],
    isHere: false,
  })
})
