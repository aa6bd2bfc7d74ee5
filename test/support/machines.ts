import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { findQemu } from '../../src/drivers/microvm/qemu/find.ts'
import { GloveboxError } from '../../src/errors.ts'
import { pidsWith } from '../contract/processes.ts'
import { runners, type Runner } from './as-user.ts'
import { testImage, testImageHome, whyNoImage } from './image.ts'

/** Why no test can start a virtual machine here; undefined when it can. For `unlessPresent('QEMU', whyNoMachines())`. */
export function whyNoMachines(): string | undefined {
  try {
    findQemu(process.env, process.arch === 'arm64' ? 'arm64' : 'x64')
  } catch (error) {
    if (error instanceof GloveboxError) return error.message
    throw error
  }
  return whyNoImage()
}

/** This process, and those that it starts, find the image and the templates that are kept between runs. */
export async function testMachines(): Promise<void> {
  await testImage()
  process.env['GLOVEBOX_HOME'] = testImageHome
}

/** Whoever tests run as: the image is theirs, and what they start finds it, and the templates that are kept between runs. */
export function machineRunner(): Runner {
  const [runner] = runners()
  assert.ok(runner)
  const env = { ...runner.env, GLOVEBOX_HOME: testImageHome }
  return {
    ...runner,
    env,
    spawn: (program, args, options = {}) => runner.spawn(program, args, { env, ...options }),
    spawnSync: (program, args, options = {}) =>
      runner.spawnSync('env', [`GLOVEBOX_HOME=${testImageHome}`, program, ...args], options),
  }
}

function parentOf(pid: number): number {
  const [, parent = ''] = /^PPid:\t(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
  return Number(parent)
}

/** In the command line of every VMM of ours: QEMU's name, and how Firecracker is called in its jail. */
const ofVmms = ['qemu-system-', 'firecracker\0--id\0vm-']

/** A machine's VMM below one process of ours: the launcher, the jail's pid 1, then the VMM. */
export function machineOf(owner: number): { readonly vmm: number; readonly launcher: number } {
  const vmm = ofVmms.flatMap(pidsWith).find((pid) => parentOf(parentOf(parentOf(pid))) === owner)
  assert.ok(vmm, 'a machine of this process runs')
  return { vmm, launcher: parentOf(parentOf(vmm)) }
}
