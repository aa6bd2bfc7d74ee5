import assert from 'node:assert/strict'
import { readFileSync } from 'node:fs'
import { findQemu } from '../../src/drivers/microvm/qemu/find.ts'
import { GloveboxError } from '../../src/errors.ts'
import { pidsWith } from '../contract/processes.ts'
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

function parentOf(pid: number): number {
  const [, parent = ''] = /^PPid:\t(\d+)/m.exec(readFileSync(`/proc/${pid}/status`, 'utf8')) ?? []
  return Number(parent)
}

/** A machine's QEMU below one process of ours: the launcher, the jail's pid 1, then QEMU. */
export function machineOf(owner: number): { readonly qemu: number; readonly launcher: number } {
  const qemu = pidsWith('qemu-system-').find((pid) => parentOf(parentOf(parentOf(pid))) === owner)
  assert.ok(qemu, 'a machine of this process runs')
  return { qemu, launcher: parentOf(parentOf(qemu)) }
}
