import { readFileSync } from 'node:fs'
import type { Memo } from '../memo.ts'

/**
 * The frequency of this host's time-stamp counter, which QEMU's emulated one follows. A processor whose name has a frequency
 * counts at that one, whatever it runs at; in a guest of somebody's, what the kernel says is it.
 */
function tscKhz(cpuinfo: string): number | undefined {
  const [, named] = /^model name\s*:.*@ ([\d.]+)GHz/m.exec(cpuinfo) ?? []
  if (named !== undefined) return Math.round(Number(named) * 1e6)
  const [, running] = /^cpu MHz\s*:\s*([\d.]+)/m.exec(cpuinfo) ?? []
  return running === undefined ? undefined : Math.round(Number(running) * 1000)
}

/**
 * The same, as it was seen first since this host was booted. It is part of a template's key, and what a kernel calls the frequency
 * of a processor without one in its name (AMD's) is the one that it happens to run at: each start would boot a template of its own.
 */
export async function steadyTscKhz(
  memo: Pick<Memo, 'of'>,
  cpuinfo: string,
  boot: string = readFileSync('/proc/sys/kernel/random/boot_id', 'utf8'),
): Promise<number | undefined> {
  return memo.of('tsc', [boot.trim(), processorName(cpuinfo)], () => tscKhz(cpuinfo))
}

/** Names the processor, with what it can do: a state of one is not taken up by another. */
export function processorName(cpuinfo: string): string {
  const fields = ['vendor_id', 'cpu family', 'model', 'model name', 'stepping', 'flags', 'Features', 'CPU part']
  return fields.map((field) => new RegExp(`^${field}\\s*:\\s*(.*)$`, 'm').exec(cpuinfo)?.[1] ?? '').join(';')
}

export function readCpuinfo(): string {
  return readFileSync('/proc/cpuinfo', 'utf8')
}
