import { controls } from '../protocol/controls.ts'
import type { SupportYes } from '../drivers/driver.ts'
import type { Examination } from '../runtime/examine.ts'
import { styleFor, type Style } from './style.ts'
import { table } from './table.ts'
import { untrusted } from './untrusted.ts'

/** The parity matrix of this host: each cell found by trying it. */
export function renderExamination(
  examination: Examination,
  options: { json: boolean; stream: { readonly isTTY?: boolean; readonly columns?: number } },
): string {
  if (options.json) return `${JSON.stringify(toJson(examination), null, 2)}\n`
  const style = styleFor(options.stream, process.env)
  const parts = examination.drivers.map(({ driver, support, ms }) => {
    const head = `${style.bold(driver)} ${style.dim(`(tried in ${Math.round(ms)} ms)`)}\n`
    if (support.ok) return head + renderSupport(support, style)
    return `${head}  ${style.bad('cannot be used:')} ${support.reason}\n${support.fix === undefined ? '' : `  fix: ${support.fix}\n`}`
  })
  return `${parts.join('\n')}\n${style.dim(`not in this version: ${examination.absent.join(', ')}`)}\n`
}

function renderSupport(support: SupportYes, style: Style): string {
  const rows = controls.map((control) => {
    const line = support.receipt.enforcements.find((each) => each.control === control)
    const evidence = support.evidence.get(control)
    const held = support.enforces.includes(control)
    return [
      held ? style.good('yes') : style.bad('NO '),
      control,
      line?.mechanism ?? 'not reported',
      style.dim(untrusted(evidence?.evidence ?? 'not tried')),
    ]
  })
  const limits = support.explicitLimits.ok
    ? `${style.good('yes')}  limits that you write down (--memory, --pids, --cpus) are kept exactly\n`
    : `${style.warn('no ')}  limits that you write down: ${support.explicitLimits.reason}\n     fix: ${support.explicitLimits.fix ?? 'none known'}\n`
  const fixes = support.receipt.enforcements.flatMap((line) =>
    line.enforced || line.fix === undefined ? [] : [`     ${line.control}: ${line.fix}\n`],
  )
  return `${table(rows, style.columns)}\n${limits}${fixes.join('')}${accelerator(support, style)}${firecracker(support, style)}`
}

function accelerator({ accelerator: found }: SupportYes, style: Style): string {
  if (found === undefined) return ''
  if (found.name === 'kvm') return `${style.good('yes')}  machines run on KVM: one was booted on it\n`
  const fix = found.fix === undefined ? '' : `     fix: ${found.fix}\n`
  return `${style.warn('no ')}  machines are emulated: ${untrusted(found.reason ?? 'asked for (microvm.accel)')}\n${fix}`
}

function firecracker({ firecracker: found }: SupportYes, style: Style): string {
  if (found === undefined) return ''
  const fix = found.fix === undefined ? '' : `     fix: ${untrusted(found.fix)}\n`
  if (found.version === null)
    return `${style.dim(`     ${untrusted(found.reason ?? 'Firecracker is not installed')}, and QEMU runs the machines`)}\n${style.dim(fix)}`
  const filter = found.hasFilter === true ? 'with' : 'a build without'
  const name = `Firecracker ${untrusted(found.version)} (${untrusted(found.path ?? '')}, ${filter} a filter of system calls of its own)`
  if (found.used) return `${style.good('yes')}  machines are run by ${name}\n`
  return `${style.warn('no ')}  ${name} does not run machines: ${untrusted(found.reason ?? 'another VMM is asked for (microvm.vmm)')}\n${fix}`
}

function toJson({ drivers, absent, whole }: Examination): object {
  return {
    schema: 'glovebox/doctor/1',
    whole,
    drivers: drivers.map(({ driver, support, ms }) => ({
      driver,
      probeMs: Math.round(ms),
      ...support,
      ...(support.ok && { evidence: Object.fromEntries(support.evidence) }),
    })),
    absent,
  }
}
