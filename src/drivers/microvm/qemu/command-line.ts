import type { Architecture } from '../architecture.ts'
import type { Shape } from '../vmm/shape.ts'

export type Accelerator = 'kvm' | 'hvf' | 'tcg'

/** Everything that the command line of a guest depends on. Paths are those that QEMU sees in its jail. */
export interface CommandLine {
  readonly architecture: Architecture
  readonly accelerator: Accelerator
  readonly shape: Shape
  readonly files: MachineFiles
  /** `boot`: writes to the memory file; `clone`: on a private copy of it, waiting for the state. */
  readonly start: 'boot' | 'clone'
  /** From QEMU 8.2 on, private memory can be laid over a file that may only be read. */
  readonly readOnlyMemory: boolean
  /** Frequency of the host's time-stamp counter, which an emulated one follows. */
  readonly tscKhz: number | undefined
  /** QEMU's own system call filter also denies new processes. A template's state is written by one. */
  readonly denySpawn: boolean
}

export interface MachineFiles {
  readonly kernel: string
  readonly initrd: string
  readonly root: string
  readonly given: string
  readonly memory: string
}

/** What of QEMU's descriptors carries what. It is the same at boot and in a clone, because both make the same machine. */
export const descriptors: { readonly state: 0; readonly channel: 1; readonly monitor: 2 } = {
  state: 0,
  channel: 1,
  monitor: 2,
}

/** The guest finds its port by this name. */
export const channelName = 'glovebox.channel'

/** Holds the last words of a guest's console, as a character device of QEMU's that nobody has to read. */
export const consoleName = 'console'
export const consoleBytes: number = 64 * 1024

/** QEMU's arguments, without the program. */
export function commandLine(options: CommandLine): string[] {
  const { architecture, shape, files, start } = options
  const place = placesOf(architecture)
  return [
    '-nodefaults',
    '-no-user-config',
    ...words([
      ['-display', 'none'],
      // What ends a guest pauses it, so that its console can still be read; we end it then.
      ['-action', 'reboot=shutdown,shutdown=pause,panic=shutdown'],
      ['-machine', `${machineType(options)},memory-backend=memory`],
      ['-accel', accelerator(options)],
      ['-cpu', cpuModel(options)],
      ['-smp', String(shape.vcpus)],
      ['-m', `${shape.memoryBytes / 1024 ** 2}M`],
      ['-object', memory(options)],
      ...drive('root', files.root, place(0)),
      ...drive('given', files.given, place(1)),
      ['-device', `virtio-serial-device${place(2)}`],
      ['-chardev', `socket,id=channel,fd=${descriptors.channel}`],
      ['-device', `virtserialport,chardev=channel,name=${channelName}`],
      ['-chardev', `ringbuf,id=${consoleName},size=${consoleBytes}`],
      ['-serial', `chardev:${consoleName}`],
      ['-chardev', `socket,id=monitor,fd=${descriptors.monitor}`],
      ['-mon', 'chardev=monitor,mode=control'],
      ['-sandbox', sandbox(options)],
      // A clone's memory has the kernel already: nothing is loaded that would only be overwritten.
      ...(start === 'clone' ? [['-incoming', 'defer'] as const] : kernel(options)),
    ]),
  ]
}

type Option = readonly [name: string, value: string]

function words(options: readonly Option[]): string[] {
  return options.flat()
}

/**
 * With a clock chip (rtc): where ACPI does not deny it, Linux reads one on x86 (`mach_get_cmos_time`, `rtc_cmos`), and waits for one that is
 * not there, which takes two of an emulated boot's five seconds.
 */
function machineType({ architecture }: CommandLine): string {
  return architecture === 'x64'
    ? 'microvm,rtc=on,x-option-roms=off,isa-serial=on,acpi=on,pcie=off'
    : 'virt,gic-version=max'
}

function accelerator({ accelerator }: CommandLine): string {
  // The translator's cache is what most of an emulator's memory goes to; by default it may become a gigabyte.
  return accelerator === 'tcg' ? 'tcg,tb-size=64' : accelerator
}

/** Part of a template's key: a state is only taken up by the CPU that it was made on. */
export function cpuModel({ architecture, accelerator }: Pick<CommandLine, 'architecture' | 'accelerator'>): string {
  // A fifth level of page tables, which x86 has, only makes each emulated walk longer.
  if (accelerator === 'tcg') return architecture === 'x64' ? 'max,la57=off' : 'max'
  // A guest runs no guests of its own: what a host's kernel does for those is a large part of what a guest can reach of it.
  return accelerator === 'kvm' && architecture === 'x64' ? 'host,vmx=off,svm=off' : 'host'
}

function memory({ files, shape, start, readOnlyMemory }: CommandLine): string {
  const base = `memory-backend-file,id=memory,size=${shape.memoryBytes},mem-path=${files.memory}`
  if (start === 'boot') return `${base},share=on`
  return readOnlyMemory ? `${base},share=off,readonly=on,rom=off` : `${base},share=off`
}

/**
 * The guest takes its first drive for the root. A machine of arm64 gives places from the last one down, and Linux finds them from the first
 * one up: unless each device is told its own, the root would be the second drive.
 */
function placesOf(architecture: Architecture): (place: number) => string {
  return (place) => (architecture === 'x64' ? '' : `,bus=virtio-mmio-bus.${place}`)
}

function drive(id: string, file: string, place: string): Option[] {
  return [
    ['-blockdev', `driver=raw,node-name=${id},read-only=on,file.driver=file,file.filename=${file}`],
    ['-device', `virtio-blk-device,drive=${id}${place}`],
  ]
}

function sandbox({ denySpawn }: CommandLine): string {
  return `on,obsolete=deny,elevateprivileges=deny,resourcecontrol=deny,spawn=${denySpawn ? 'deny' : 'allow'}`
}

function kernel(options: CommandLine): Option[] {
  return [
    ['-kernel', options.files.kernel],
    ['-initrd', options.files.initrd],
    ['-append', kernelArguments(options).join(' ')],
  ]
}

function kernelArguments({ architecture, accelerator, tscKhz }: CommandLine): string[] {
  const console = architecture === 'x64' ? 'ttyS0' : 'ttyAMA0'
  // A guest that panics ends at once, instead of standing still.
  const always = [`console=${console}`, 'quiet', 'panic=-1', ...(architecture === 'x64' ? ['reboot=t'] : [])]
  // On a busy host an emulated processor measures its own clock wrongly, and then waits for ever. So it is told.
  if (architecture !== 'x64' || accelerator !== 'tcg' || tscKhz === undefined) return always
  const clock = [`tsc_early_khz=${tscKhz}`, `lpj=${tscKhz * 4}`, 'tsc=reliable', 'no_timer_check']
  // What a kernel does against speculation is done against a real processor's: translated code has none of what it relies on.
  return [...always, ...clock, 'mitigations=off']
}
