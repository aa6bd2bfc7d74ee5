import assert from 'node:assert/strict'
import { test } from 'node:test'
import { dependenciesOf, moduleName, modulesInOrder, type ModuleTree } from './modules.ts'

/** What matters of a module: that it is an ELF file, and what it says in `.modinfo`. */
const module = (depends: string): Buffer => Buffer.from(`\u{7f}ELF…code\0license=GPL\0depends=${depends}\0name=x\0`)

function treeOf(modules: Readonly<Record<string, string>>, builtIn: readonly string[] = []): ModuleTree {
  return {
    files: new Map(Object.keys(modules).map((name) => [name, name])),
    builtIn: new Set(builtIn),
    read: (file) => module(modules[file] ?? ''),
  }
}

const cloudKernel = {
  virtio: 'virtio_ring',
  virtio_ring: '',
  virtio_mmio: 'virtio_ring,virtio',
  virtio_blk: 'virtio_ring,virtio',
  virtio_console: 'virtio_ring,virtio',
  libcrc32c: '',
  erofs: 'libcrc32c',
  overlay: '',
  vsock: '',
  vmw_vsock_virtio_transport_common: 'vsock',
  vmw_vsock_virtio_transport: 'vmw_vsock_virtio_transport_common,virtio_ring,virtio,vsock',
}

test('each module stands behind those that it depends on, and the optional ones stand last', () => {
  const order = modulesInOrder(treeOf(cloudKernel)).map(({ name }) => name)
  assert.deepEqual(order, [
    'virtio_ring',
    'virtio',
    'virtio_mmio',
    'virtio_blk',
    'virtio_console',
    'libcrc32c',
    'erofs',
    'overlay',
    'vsock',
    'vmw_vsock_virtio_transport_common',
    'vmw_vsock_virtio_transport',
  ])
})

test('what is built in is not loaded, nor are modules that it alone would need', () => {
  const { libcrc32c: _crc, erofs: _erofs, vsock: _vsock, ...rest } = cloudKernel
  const order = modulesInOrder(treeOf(rest, ['erofs', 'vsock'])).map(({ name }) => name)
  assert.ok(!order.includes('erofs') && !order.includes('libcrc32c') && !order.includes('vsock'))
  assert.equal(order.at(-1), 'vmw_vsock_virtio_transport')
})

test('a kernel without a module that every guest needs is refused by its name, one without the optional is not', () => {
  const { erofs: _erofs, ...without } = cloudKernel
  assert.throws(() => modulesInOrder(treeOf(without)), /no erofs/)
  const { libcrc32c: _crc, ...broken } = cloudKernel
  assert.throws(() => modulesInOrder(treeOf(broken)), /no libcrc32c, which erofs depends on/)
  const { vmw_vsock_virtio_transport: _vsock, ...plain } = cloudKernel
  assert.equal(modulesInOrder(treeOf(plain)).at(-1)?.name, 'overlay')
})

test('modules that name each other come to an end', () => {
  const order = modulesInOrder(treeOf({ ...cloudKernel, virtio_ring: 'virtio' })).map(({ name }) => name)
  assert.equal(new Set(order).size, order.length)
})

test('what is no module says so', () => {
  assert.throws(() => dependenciesOf(Buffer.from('not a module')), /does not say/)
  assert.throws(() => dependenciesOf(Buffer.from('\u{7f}ELF without a section')), /does not say/)
  assert.deepEqual(dependenciesOf(module('a-b,c')), ['a_b', 'c'])
  assert.equal(moduleName('kernel/drivers/virtio/virtio-mmio.ko.xz'), 'virtio_mmio')
})
