import { broughtFirecracker } from './firecracker.ts'
import { runNested } from './nested.ts'

/** Firecracker and QEMU on KVM in the same machine, one after the other: `PATH=DIRECTORY-OF-FIRECRACKER:$PATH node test/support/nested/compare-vmms.ts [VMM…]`. */
const named = process.argv.slice(2)
const vmms = named.length > 0 ? named : ['firecracker', 'qemu']
const script = `
export PATH=/opt/brought:$PATH
cd /opt/project
for vmm in ${vmms.join(' ')}; do node test/support/nested/vmm-figures.ts $vmm; done
`
const { code, output, told } = await runNested({
  script,
  bring: broughtFirecracker(),
  withTests: true,
  limitMs: 20 * 60_000,
})
if (code !== 0) throw new Error(told)
process.stdout.write(output)
