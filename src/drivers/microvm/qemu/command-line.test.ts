import assert from 'node:assert/strict'
import { test } from 'node:test'
import { commandLine, type CommandLine } from './command-line.ts'

const files = { kernel: '/m/kernel', initrd: '/m/initrd', root: '/m/root', given: '/m/given', memory: '/t/memory' }

const clone: CommandLine = {
  architecture: 'x64',
  accelerator: 'tcg',
  shape: { memoryBytes: 384 * 1024 ** 2, vcpus: 2 },
  files,
  start: 'clone',
  readOnlyMemory: false,
  tscKhz: 2_000_000,
  denySpawn: true,
}

/** The values of an option, in their order. */
function valuesOf(options: CommandLine, name: string): string[] {
  const words = commandLine(options)
  return words.flatMap((word, index) => (word === name ? [words[index + 1] ?? ''] : []))
}

test('no machine has a network device, a default device, or a display', () => {
  for (const architecture of ['x64', 'arm64'] as const) {
    const words = commandLine({ ...clone, architecture })
    assert.ok(words.includes('-nodefaults') && words.includes('-no-user-config'))
    assert.deepEqual(valuesOf({ ...clone, architecture }, '-display'), ['none'])
    assert.ok(!words.some((word) => /netdev|^-nic|virtio-net|9p|vhost|usb/.test(word)))
    const place = (number: number): string => (architecture === 'x64' ? '' : `,bus=virtio-mmio-bus.${number}`)
    assert.deepEqual(valuesOf({ ...clone, architecture }, '-device'), [
      `virtio-blk-device,drive=root${place(0)}`,
      `virtio-blk-device,drive=given${place(1)}`,
      `virtio-serial-device${place(2)}`,
      'virtserialport,chardev=channel,name=glovebox.channel',
    ])
  }
})

test('a clone is the same machine as its template, but for memory, system calls and what it starts from', () => {
  const boot = commandLine({ ...clone, start: 'boot', denySpawn: false })
  const only = (words: string[], others: string[]) => words.filter((word) => !others.includes(word))
  assert.deepEqual(only(commandLine(clone), boot), [
    'memory-backend-file,id=memory,size=402653184,mem-path=/t/memory,share=off',
    'on,obsolete=deny,elevateprivileges=deny,resourcecontrol=deny,spawn=deny',
    '-incoming',
    'defer',
  ])
})

test('a machine of x86 has a clock chip, which its kernel would wait for', () => {
  assert.match(valuesOf(clone, '-machine')[0] ?? '', /^microvm,rtc=on,/)
})

test('drives are read-only', () => {
  assert.equal(valuesOf(clone, '-blockdev').length, 2)
  for (const drive of valuesOf(clone, '-blockdev')) assert.match(drive, /,read-only=on,/)
})

test('memory of a clone is private, and from QEMU 8.2 on over a file that it cannot write', () => {
  assert.match(valuesOf(clone, '-object')[0] ?? '', /,share=off$/)
  assert.match(valuesOf({ ...clone, readOnlyMemory: true }, '-object')[0] ?? '', /,share=off,readonly=on,rom=off$/)
  assert.match(valuesOf({ ...clone, start: 'boot', readOnlyMemory: true }, '-object')[0] ?? '', /,share=on$/)
})

test('an emulated processor is told its frequency, and a real one is not', () => {
  const boot = { ...clone, start: 'boot' } as const
  assert.match(valuesOf(boot, '-append')[0] ?? '', / tsc_early_khz=2000000 lpj=8000000 tsc=reliable no_timer_check /)
  assert.doesNotMatch(valuesOf({ ...boot, accelerator: 'kvm' }, '-append')[0] ?? '', /tsc|mitigations/)
  assert.doesNotMatch(valuesOf({ ...boot, architecture: 'arm64' }, '-append')[0] ?? '', /tsc/)
})

test('each processor has its machine', () => {
  assert.match(valuesOf(clone, '-machine')[0] ?? '', /^microvm,.*pcie=off,memory-backend=memory$/)
  assert.equal(
    valuesOf({ ...clone, architecture: 'arm64' }, '-machine')[0],
    'virt,gic-version=max,memory-backend=memory',
  )
  assert.equal(valuesOf(clone, '-cpu')[0], 'max,la57=off')
  assert.equal(valuesOf({ ...clone, architecture: 'arm64' }, '-cpu')[0], 'max')
  // The host's own, without what would let it run guests.
  assert.equal(valuesOf({ ...clone, accelerator: 'kvm' }, '-cpu')[0], 'host,vmx=off,svm=off')
  assert.equal(valuesOf({ ...clone, accelerator: 'kvm', architecture: 'arm64' }, '-cpu')[0], 'host')
  assert.equal(valuesOf({ ...clone, accelerator: 'kvm' }, '-accel')[0], 'kvm')
  assert.equal(valuesOf({ ...clone, accelerator: 'hvf', architecture: 'arm64' }, '-accel')[0], 'hvf')
})
