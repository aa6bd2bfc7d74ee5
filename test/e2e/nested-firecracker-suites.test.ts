import { whyNoFirecracker } from '../support/nested/firecracker.ts'
import { escapeSuites, suitesOnKvm } from '../support/nested/suites.ts'
import { unlessPresent } from '../support/requirement.ts'

suitesOnKvm(
  'Firecracker, by the suites of QEMU',
  'firecracker',
  unlessPresent('FIRECRACKER', await whyNoFirecracker()),
  [
    ...escapeSuites,
    { title: 'the identity of clones, and the end of machines', file: 'test/e2e/microvm.test.ts', atLeast: 7 },
    { title: 'the contract of drivers', file: 'test/contract/microvm.test.ts', atLeast: 74 },
  ],
)
