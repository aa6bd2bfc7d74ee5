import { createHash } from 'node:crypto'
import { createReadStream, readFileSync } from 'node:fs'
import { homedir } from 'node:os'
import { join } from 'node:path'
import { GloveboxError, messageOf } from '../../errors.ts'
import type { Values, Ask, Proposal } from '../proposal.ts'
import { holding } from '../store/mutex.ts'
import { publish } from '../store/publish.ts'
import { readRecord, treeOf } from '../store/record.ts'
import { reapStaging, removeTree, stage } from '../store/staging.ts'
import type { Store } from '../store/store.ts'
import { verifyBeforeStart } from '../store/verify.ts'
import { unpack } from './archive.ts'
import { bundleQuestions, proposeBundle, readManifest, type BundleManifest } from './manifest.ts'

export interface InstalledBundle {
  readonly questions: readonly Ask[]
  readonly propose: (values: Values) => Proposal
}

/**
 * A `.mcpb` file, unpacked into the store under its hash; none of it is run.
 * @throws GloveboxError REFUSED when it is not the file that was announced, or harmful to unpack
 */
export async function installBundle(
  store: Store,
  file: string,
  announced: string | undefined,
): Promise<InstalledBundle> {
  const digest = await hashOf(file)
  if (announced !== undefined && announced.toLowerCase() !== digest) {
    throw new GloveboxError('REFUSED', `${file} has the SHA-256 ${digest}, and ${announced} was announced`, {
      fix: 'get the file again from where it was announced',
    })
  }
  const key = `mcpb-${digest.slice(0, 32)}`
  const record = await holding(
    store,
    key,
    {},
    async () => readRecord(store, key) ?? (await put(store, key, file, digest)),
  )
  await verifyBeforeStart(store, record)
  const manifest = manifestIn(treeOf(store, key))
  return {
    questions: bundleQuestions(manifest),
    propose: (values) => proposeBundle(manifest, { tree: treeOf(store, key), home: homedir(), values }),
  }
}

async function put(store: Store, key: string, file: string, digest: string) {
  reapStaging(store)
  const staged = stage(store, key)
  try {
    await unpack(file, join(staged, 'tree'))
    const { name, version } = manifestIn(join(staged, 'tree'))
    return publish(store, staged, {
      key,
      ecosystem: 'mcpb',
      roots: [{ name, version }],
      resolution: digest,
      abi: `${process.platform}-${process.arch}`,
      packages: 1,
      executables: {},
      scripts: [],
    })
  } catch (error) {
    removeTree(staged)
    throw error
  }
}

function manifestIn(tree: string): BundleManifest {
  let value: unknown
  try {
    value = JSON.parse(readFileSync(join(tree, 'manifest.json'), 'utf8'))
  } catch (cause) {
    throw new GloveboxError('POLICY_INVALID', `the bundle has no manifest.json that can be read: ${messageOf(cause)}`, {
      cause,
      fix: 'a .mcpb file has one at its root',
    })
  }
  return readManifest(value, process.platform)
}

async function hashOf(file: string): Promise<string> {
  const hash = createHash('sha256')
  try {
    for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer)
  } catch (cause) {
    throw new GloveboxError('USAGE', `${file}: ${messageOf(cause)}`, { cause, fix: 'check the path' })
  }
  return hash.digest('hex')
}
