import type { Plan } from '../policy/plan.ts'
import { formatBytes } from '../policy/sizes.ts'
import { styleFor, type Style } from './style.ts'
import { table } from './table.ts'

/** A plan for people, or as one JSON document. Values of the environment are not shown: they may be keys. */
export function renderPlan(
  plan: Plan,
  options: { json: boolean; verb: string; stream: { readonly isTTY?: boolean } },
): string {
  if (options.json) {
    const env = Object.keys(plan.command.env)
    return `${JSON.stringify({ ...plan, schema: `glovebox/${options.verb}-plan/1`, command: { ...plan.command, env } }, null, 2)}\n`
  }
  const style = styleFor(options.stream, process.env)
  return `${table([...commandRows(plan, style), ...mountRows(plan, style), ...limitRows(plan, style)])}\n`
}

function commandRows({ command, driver, network, tools, exec }: Plan, style: Style): string[][] {
  return [
    [style.bold('command'), command.argv.join(' ')],
    ['program', command.path],
    ['directory', command.cwd],
    ['environment', Object.keys(command.env).join(' ')],
    ['driver', driver],
    ['network', network.length === 0 ? 'none' : network.join(' ')],
    ['programs', exec === null ? 'any on a read-only mount' : exec.join(' ')],
    ['tools', [...tools.allow, ...tools.deny.map((name) => `not ${name}`)].join(', ')],
  ]
}

function mountRows({ mounts, deny }: Plan, style: Style): string[][] {
  const system = mounts.filter((mount) => mount.why === 'system').map((mount) => mount.target)
  const rows = mounts
    .filter((mount) => mount.why !== 'system')
    .map((mount) => [mount.access, mount.target, style.dim(mount.why)])
  return [[style.bold('files')], ['system', system.join(' ')], ...rows, ...deny.map((path) => ['deny', path])]
}

function limitRows({ limits }: Plan, style: Style): string[][] {
  const from = (explicit: boolean): string => style.dim(explicit ? 'asked for' : 'default')
  return [
    [style.bold('limits')],
    ['memory', formatBytes(limits.memory.value), from(limits.memory.explicit)],
    ['cpus', String(limits.cpus.value), from(limits.cpus.explicit)],
    ['pids', String(limits.pids.value), from(limits.pids.explicit)],
    ['disk', formatBytes(limits.disk.value), from(limits.disk.explicit)],
    ['open files', String(limits.openFiles.value), from(limits.openFiles.explicit)],
    ['time', limits.time === null ? 'none' : `${limits.time.value} ms`, from(limits.time !== null)],
  ]
}
