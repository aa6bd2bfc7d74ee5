import assert from 'node:assert/strict'
import { test } from 'node:test'
import { kernelVersion } from './kernel.ts'

/** A file with these words at these places. */
function fileWith(words: readonly (readonly [at: number, text: string])[], bytes = 0x4000): Buffer {
  const file = Buffer.alloc(bytes)
  for (const [at, text] of words) file.write(text, at, 'latin1')
  return file
}

test('A bzImage says its version where its header points to.', () => {
  const file = fileWith([
    [0x202, 'HdrS'],
    [0x300 + 0x200, '6.1.0-9-amd64 (somebody@somewhere) #1 SMP'],
  ])
  file.writeUInt16LE(0x300, 0x20e)
  assert.equal(kernelVersion(file), '6.1.0-9-amd64')
})

test('An Image of arm64 says its version in the line that it begins to speak with.', () => {
  const image = [0x38, 'ARMd'] as const
  const words = [
    [0x1000, 'not the same as Linux version %s\n\0'],
    [0x2000, 'Linux version 6.1.0-56-cloud-arm64 (somebody@somewhere) (gcc-12) #1 SMP'],
  ] as const
  assert.equal(kernelVersion(fileWith([image, ...words])), '6.1.0-56-cloud-arm64')
  assert.equal(kernelVersion(fileWith([image])), undefined)
})

test('Neither is a file that has the words and no header, or a header and no room for it.', () => {
  assert.equal(kernelVersion(fileWith([[0x2000, 'Linux version 6.1.0 (x)']])), undefined)
  assert.equal(kernelVersion(fileWith([[0x38, 'ARMd']], 0x100)), undefined)
})
