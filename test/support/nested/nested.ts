import { spawn } from 'node:child_process'
import { mkdtempSync, readFileSync, rmSync, truncateSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import path from 'node:path'
import { findQemu } from '../../../src/drivers/microvm/qemu/find.ts'
import { readCpuinfo, steadyTscKhz } from '../../../src/drivers/microvm/qemu/processor.ts'
import { whyNoMachines } from '../machines.ts'
import { isLong } from '../requirement.ts'
import { imageDrive, outerInitrd, projectDrive, type Brought } from './drives.ts'
import { outerImage } from './outer-image.ts'
import { startScript } from './start-script.ts'

/**
 * A machine with a KVM that runs: QEMU's emulator offers its guest an AMD processor with nested paging, on which Linux' own KVM
 * works, slowly. In it is this project as it is installed, QEMU, and an image, so that what needs hardware virtualization is tried
 * on hosts without.
 */
export interface NestedRun extends Brought {
  /** For /bin/sh, as root, with `set -eu`. In /root/home is what GLOVEBOX_HOME names, with the image in it. */
  readonly script: string
  /** The machine is ended after it. Everything in it takes ten to fifty times as long. */
  readonly limitMs?: number
  /** Default 3 GiB. */
  readonly memoryMiB?: number
  /** Default 2. With one it cannot lock up, and takes longer where two things run at once. */
  readonly processors?: 1 | 2
}

export interface NestedResult {
  /** Of the script; undefined when the machine ended before it. */
  readonly code: number | undefined
  /** What it printed, on stdout and stderr. */
  readonly output: string
  /** Its time was over. */
  readonly isLate: boolean
  /** For a failed assertion: both, and what the kernel said. */
  readonly told: string
}

/** Below the longest that a file of tests may take (tools/testing/suites.ts), so that a failure says what the machine said. */
const defaultLimitMs = 13 * 60_000

/** A file with nothing in it, which takes on this host what the machine writes. */
const diskBytes = 4 * 1024 ** 3

/** Why no test can have such a machine here and now; undefined when it can. For `unlessPresent('QEMU', whyNotNested())`. */
export function whyNotNested(): string | undefined {
  if (process.arch !== 'x64') return 'the machine with a KVM is an emulated x86-64 one'
  if (!isLong()) return 'a machine in a machine takes minutes: GLOVEBOX_LONG=1 has it run'
  return whyNoMachines()
}

/**
 * Once more where the emulated machine's own kernel has locked up: under two emulated processors with nested paging it sometimes
 * does (both spin, as if the one's interrupt for the other was lost), whatever runs in it; where not even its watchdog gets a turn,
 * its time is over without a word. Twice in a row is told as it is.
 */
export async function runNested(run: NestedRun): Promise<NestedResult> {
  const first = await attempt(run)
  if (first.code !== undefined || !(first.isLate || first.told.includes('soft lockup'))) return first
  process.stderr.write(`the emulated machine has locked up, and is started once more. It said:\n${first.told}\n`)
  return attempt(run)
}

async function attempt(run: NestedRun): Promise<NestedResult> {
  const directory = mkdtempSync(path.join(tmpdir(), 'glovebox-nested-'))
  try {
    const image = await outerImage()
    const drives = [image.root, await imageDrive(), await projectDrive(directory, startScript(run.script), run)]
    const disk = path.join(directory, 'disk')
    writeFileSync(disk, '')
    truncateSync(disk, diskBytes)
    const files = ['console', 'output', 'status'].map((name) => path.join(directory, name))
    const initrd = outerInitrd(directory, image.modules)
    const isLate = await runQemu(
      [
        ...(await machine(image.kernel, initrd, run)),
        ...drives.flatMap((file, index) => drive(file, index, 'on')),
        ...drive(disk, drives.length, 'off'),
        ...ports(directory),
      ],
      run,
    )
    const [console, output, status] = files.map((file) => readFileSync(file, 'utf8')) as [string, string, string]
    const [, code] = /^exit (\d+)$/m.exec(status) ?? []
    const told = `${output}\n--- console\n${console}`
    return { code: code === undefined ? undefined : Number(code), output, isLate, told }
  } finally {
    rmSync(directory, { recursive: true, force: true })
  }
}

async function machine(
  kernel: string,
  initrd: string,
  { memoryMiB = 3072, processors = 2 }: NestedRun,
): Promise<string[]> {
  const kHz = await steadyTscKhz({ of: async (_name, _conditions, find) => find() }, readCpuinfo())
  const clock = kHz === undefined ? [] : [`tsc_early_khz=${kHz}`, `lpj=${kHz * 4}`, 'tsc=reliable', 'no_timer_check']
  // A kernel that has locked up for a minute says where, and ends the machine: nobody waits for the longest that it may take.
  const lockup = ['softlockup_panic=1', 'softlockup_all_cpu_backtrace=1', 'watchdog_thresh=30']
  const words = ['console=ttyS0', 'panic=-1', 'reboot=t', 'quiet', 'mitigations=off', ...lockup, ...clock]
  const options = [
    ['-nodefaults', '-no-user-config', '-no-reboot', '-display', 'none'],
    ['-machine', 'microvm,rtc=on,x-option-roms=off,isa-serial=on,acpi=on,pcie=off'],
    ['-accel', 'tcg,thread=multi,tb-size=512', '-cpu', 'max,la57=off', '-smp', `${processors}`, '-m', `${memoryMiB}M`],
    ['-kernel', kernel, '-initrd', initrd, '-append', words.join(' ')],
  ]
  return options.flat()
}

function drive(file: string, index: number, readOnly: 'on' | 'off'): string[] {
  const node = `driver=raw,node-name=d${index},read-only=${readOnly},file.driver=file,file.filename=${file}`
  return ['-blockdev', node, '-device', `virtio-blk-device,drive=d${index}`]
}

/** Into files, by the names by which the machine's script finds them. */
function ports(directory: string): string[] {
  const file = (name: string): string[] => ['-chardev', `file,id=${name},path=${path.join(directory, name)}`]
  const port = (name: string): string[] =>
    [file(name), ['-device', `virtserialport,chardev=${name},name=nested.${name}`]].flat()
  const console = [file('console'), '-serial', 'chardev:console'].flat()
  return [console, '-device', 'virtio-serial-device', port('output'), port('status')].flat()
}

/** Returns whether its time was over. */
async function runQemu(args: readonly string[], { limitMs = defaultLimitMs }: NestedRun): Promise<boolean> {
  // Whatever ends us ends it (prctl(2), PR_SET_PDEATHSIG).
  const words = ['--pdeathsig', 'KILL', findQemu(process.env, 'x64'), ...args]
  const child = spawn('setpriv', words, { stdio: ['ignore', 'ignore', 'inherit'] })
  let isLate = false
  const timer = setTimeout(() => {
    isLate = true
    child.kill('SIGKILL')
  }, limitMs)
  try {
    await new Promise<void>((resolve, reject) => {
      child.once('error', reject)
      child.once('exit', () => resolve())
    })
    return isLate
  } finally {
    clearTimeout(timer)
  }
}
