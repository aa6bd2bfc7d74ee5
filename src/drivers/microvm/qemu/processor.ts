import { readFileSync } from 'node:fs'

/**
 * The frequency of this host's time-stamp counter, which QEMU's emulated one follows. A processor whose name has a frequency
 * counts at that one, whatever it runs at; in a guest of somebody's, what the kernel says is it.
 */
export function tscKhz(cpuinfo: string): number | undefined {
  const [, named] = /^model name\s*:.*@ ([\d.]+)GHz/m.exec(cpuinfo) ?? []
  if (named !== undefined) return Math.round(Number(named) * 1e6)
  const [, running] = /^cpu MHz\s*:\s*([\d.]+)/m.exec(cpuinfo) ?? []
  return running === undefined ? undefined : Math.round(Number(running) * 1000)
}

/** Names the processor, with what it can do: a state of one is not taken up by another. */
export function processorName(cpuinfo: string): string {
  const fields = ['vendor_id', 'cpu family', 'model', 'model name', 'stepping', 'flags', 'Features', 'CPU part']
  return fields.map((field) => new RegExp(`^${field}\\s*:\\s*(.*)$`, 'm').exec(cpuinfo)?.[1] ?? '').join(';')
}

export function readCpuinfo(): string {
  return readFileSync('/proc/cpuinfo', 'utf8')
}
