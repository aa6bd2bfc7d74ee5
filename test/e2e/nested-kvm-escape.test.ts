import { whyNotNested } from '../support/nested/nested.ts'
import { escapeSuites, suitesOnKvm } from '../support/nested/suites.ts'
import { unlessPresent } from '../support/requirement.ts'

suitesOnKvm('QEMU on KVM, by the escape suite', 'qemu', unlessPresent('QEMU', whyNotNested()), escapeSuites)
