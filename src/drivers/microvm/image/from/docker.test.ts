import assert from 'node:assert/strict'
import { existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { afterEach, beforeEach, test } from 'node:test'
import { gzipSync, zstdCompressSync } from 'node:zlib'
import { createForeignTarReader } from '../../../../inside/tar/foreign.ts'
import { dockerArchive, layer, type LayerEntry } from '../../../../../test/support/layers.ts'
import { applyLayers, readDockerImage } from './docker.ts'
import { createRootWriter } from './root-writer.ts'

let base = ''
beforeEach(() => (base = mkdtempSync(join(tmpdir(), 'glovebox-docker-'))))
afterEach(() => rmSync(base, { recursive: true }))

/** As `image build --from` does it: the archive into a directory of ours, and its layers into another. */
async function unpack(archive: Buffer): Promise<string> {
  const [outer, root] = [join(base, 'outer'), join(base, 'root')]
  for (const directory of [outer, root]) {
    rmSync(directory, { recursive: true, force: true })
    mkdirSync(directory)
  }
  {
    using writer = createRootWriter(outer)
    const reader = createForeignTarReader(writer.layer(false))
    await reader.push(archive)
    reader.finish()
  }
  using writer = createRootWriter(root)
  await applyLayers(readDockerImage(outer), writer)
  writer.settle()
  return root
}

const layers = [
  layer({ path: 'etc/a', content: 'one' }, { path: 'etc/b', content: 'gone' }),
  layer({ path: 'etc/.wh.b' }, { path: 'bin/sh', content: '#!', mode: 0o755 }),
]

test('the layers of an image become one root filesystem', async () => {
  const root = await unpack(dockerArchive(layers))
  assert.equal(readFileSync(join(root, 'etc/a'), 'utf8'), 'one')
  assert.ok(existsSync(join(root, 'bin/sh')) && !existsSync(join(root, 'etc/b')))
})

test('compressed layers have the hashes of what is in them', async () => {
  const plain = dockerArchive(layers)
  for (const compress of [gzipSync, zstdCompressSync]) {
    const outer = join(base, 'outer')
    const root = await unpack(plain)
    for (const index of [0, 1]) writeFileSync(join(outer, `${index}/layer.tar`), compress(layers[index] ?? ''))
    rmSync(root, { recursive: true })
    mkdirSync(root)
    using writer = createRootWriter(root)
    await applyLayers(readDockerImage(outer), writer)
    assert.equal(readFileSync(join(root, 'etc/a'), 'utf8'), 'one')
  }
})

test('a layer that is a link to another one is that one, as older archives have it', async () => {
  const paths = ['0/layer.tar', 'link/layer.tar']
  const link: LayerEntry[] = [{ path: 'link/layer.tar', type: '2', link: '../1/layer.tar' }]
  assert.ok(existsSync(join(await unpack(dockerArchive(layers, { paths }, link)), 'bin/sh')))
})

test('an archive that lies is refused, and says of what', async () => {
  writeFileSync(join(base, 'secret.tar'), layer({ path: 'stolen', content: 'x' }))
  const other = `sha256:${'0'.repeat(64)}`
  const away = (link: string): LayerEntry[] => [{ path: 'away.tar', type: '2', link }]
  const lies: [Buffer, RegExp][] = [
    [dockerArchive(layers, { diffIds: [other, other] }), /layer 1 is not what the image says/],
    [dockerArchive(layers, { diffIds: [other] }), /2 layers, 1 hashes/],
    [dockerArchive(layers, { diffIds: ['md5:1', other] }), /no SHA-256/],
    [dockerArchive(layers, { paths: ['../secret.tar', '1/layer.tar'] }), /"\.\."/],
    [dockerArchive(layers, { paths: [join(base, 'secret.tar'), '1/layer.tar'] }), /an absolute path/],
    [dockerArchive(layers, { paths: ['none.tar', '1/layer.tar'] }), /none\.tar is not there/],
    [dockerArchive(layers, { paths: ['away.tar', '1/layer.tar'] }, away('../secret.tar')), /leads out/],
    [dockerArchive(layers, { paths: ['away.tar', '1/layer.tar'] }, away(join(base, 'secret.tar'))), /leads out/],
    [dockerArchive([Buffer.from('no archive')]), /layer 1 of 1: .*in its middle/],
    [layer({ path: 'manifest.json', content: '[]' }), /0 images/],
    [layer({ path: 'manifest.json', content: '{' }), /not one that can be read/],
    [layer({ path: 'manifest.json', content: '[{"Layers":[1],"Config":"c"}]' }), /c is not there/],
  ]
  for (const [archive, message] of lies) await assert.rejects(unpack(archive), message)
})
