import { findQemu } from '../../src/drivers/microvm/qemu/find.ts'
import { GloveboxError } from '../../src/errors.ts'
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
