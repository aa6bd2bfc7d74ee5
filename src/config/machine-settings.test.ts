import assert from 'node:assert/strict'
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { test } from 'node:test'
import { places } from '../system/places.ts'
import { askedAccelerator, machineSettings, ownMachineWords } from './machine-settings.ts'

test('the accelerator is the variable’s, else the user’s own configuration’s, else to be found out', async (context) => {
  const home = mkdtempSync(join(tmpdir(), 'glovebox-accel-'))
  context.after(() => rmSync(home, { recursive: true }))
  const env = { GLOVEBOX_HOME: home }
  assert.equal(await askedAccelerator(env), 'auto')
  const { config } = places(env)
  mkdirSync(config, { recursive: true })
  const write = (accel: string): void => writeFileSync(join(config, 'glovebox.toml'), `[microvm]\naccel = "${accel}"\n`)
  write('tcg')
  assert.equal(await askedAccelerator(env), 'tcg')
  assert.equal(await askedAccelerator({ ...env, GLOVEBOX_ACCEL: 'kvm' }), 'kvm')
  assert.equal(await askedAccelerator({ ...env, GLOVEBOX_ACCEL: '' }), 'tcg')
  await assert.rejects(askedAccelerator({ ...env, GLOVEBOX_ACCEL: 'xen' }), /GLOVEBOX_ACCEL is "xen"/)
  write('hyperv')
  await assert.rejects(askedAccelerator(env), /accel/)
})

test('the VMM is the variable’s, else the user’s own configuration’s, and a path to its program belongs to the directory of that file', async (context) => {
  const home = mkdtempSync(join(tmpdir(), 'glovebox-vmm-'))
  context.after(() => rmSync(home, { recursive: true }))
  const env = { GLOVEBOX_HOME: home }
  assert.deepEqual(await machineSettings(env), { accel: 'auto', vmm: undefined, firecracker: undefined })
  const { config } = places(env)
  mkdirSync(config, { recursive: true })
  const write = (text: string): void => writeFileSync(join(config, 'glovebox.toml'), `[microvm]\n${text}\n`)
  write('vmm = "firecracker"\nfirecracker = "bin/firecracker"')
  assert.deepEqual(await machineSettings(env), {
    accel: 'auto',
    vmm: 'firecracker',
    firecracker: join(config, 'bin/firecracker'),
  })
  assert.equal((await machineSettings({ ...env, GLOVEBOX_VMM: 'qemu' })).vmm, 'qemu')
  assert.equal((await machineSettings({ ...env, GLOVEBOX_VMM: '' })).vmm, 'firecracker')
  await assert.rejects(machineSettings({ ...env, GLOVEBOX_VMM: 'xen' }), /GLOVEBOX_VMM is "xen", which is no VMM/)
  write('vmm = "xen"')
  await assert.rejects(machineSettings(env), /vmm/)
})

test('what a command’s machine is made of, and how large it is, is the user’s own configuration’s', async (context) => {
  const home = mkdtempSync(join(tmpdir(), 'glovebox-own-'))
  context.after(() => rmSync(home, { recursive: true }))
  const env = { GLOVEBOX_HOME: home }
  assert.deepEqual(await ownMachineWords(env), { machineLimits: {} })
  const { config } = places(env)
  mkdirSync(config, { recursive: true })
  writeFileSync(join(config, 'glovebox.toml'), '[microvm]\nmemory = "1G"\ncpus = 2\nkernel = "boot/vmlinuz"\n')
  assert.deepEqual(await ownMachineWords(env), {
    machineLimits: { memoryBytes: 1024 ** 3, cpus: 2 },
    machine: { kernel: join(config, 'boot/vmlinuz'), rootfs: null },
  })
  writeFileSync(join(config, 'glovebox.toml'), '[microvm]\nimage = "mine"\n')
  const machine = { kernel: null, rootfs: null, image: 'mine' }
  assert.deepEqual(await ownMachineWords(env), { machineLimits: {}, machine })
  writeFileSync(join(config, 'glovebox.toml'), '[microvm]\nimage = "mine"\nrootfs = "root.erofs"\n')
  await assert.rejects(ownMachineWords(env), /an image has a kernel and a root file system already/)
})
