import { entryOf, type Entry, type KeyPath, type Tree } from '../tree.ts'
import { notebook, type Imported, type ImportedSandbox, type ImportedServer, type Notebook } from './imported.ts'
import { isTrue, numberOf, textOf } from './values.ts'

/** `isolation_config.toml` and its JSON form: `[microvm]`, `[[servers]] id, name, isolation_mode`, `[[servers.tools]] name, isolation`. */
export function isIsolationConfig(tree: Tree): boolean {
  const servers = entryOf(tree, 'servers')?.value
  return (
    servers?.kind === 'list' &&
    servers.items.some((item) => entryOf(item, 'isolation_mode') !== undefined || entryOf(item, 'id') !== undefined)
  )
}

const drivers: Readonly<Record<string, string>> = {
  microvm: 'microvm',
  firecracker: 'microvm',
  container: 'container',
  docker: 'container',
  process: 'jail',
  sandbox: 'jail',
}

type Draft<T> = { -readonly [K in keyof T]: T[K] }

export function readIsolationConfig(tree: Tree): Imported {
  const book = notebook()
  const servers: Record<string, ImportedServer> = {}
  const list = entryOf(tree, 'servers')?.value
  if (list?.kind === 'list')
    for (const [index, item] of list.items.entries()) readServer(item, ['servers', index], servers, book)
  const microvm = readMicrovm(entryOf(tree, 'microvm'), book)
  if (tree.kind === 'table')
    for (const { key, keyAt } of tree.entries)
      if (!['servers', 'microvm'].includes(key)) book.note(keyAt, [key], 'look', 'not a key that is known: left out')
  return { format: 'an isolation configuration', servers, defaults: undefined, microvm, notes: book.notes }
}

function readMicrovm(entry: Entry | undefined, book: Notebook): Record<string, string | number> | undefined {
  if (entry?.value.kind !== 'table') return undefined
  const microvm: Record<string, string | number> = {}
  for (const { key, keyAt, value } of entry.value.entries) {
    const path = ['microvm', key]
    const known = { default_memory_mb: 'memory', default_vcpus: 'cpus', rootfs_path: 'rootfs', kernel_path: 'kernel' }[
      key
    ]
    if (key === 'enabled') book.note(keyAt, path, 'left out', 'a server says itself what isolates it')
    else if (known === undefined) book.note(keyAt, path, 'look', 'not a key that is known: left out')
    else {
      const found = key.endsWith('_path') ? textOf(value, path, book) : numberOf(value, path, book)
      if (found !== undefined) microvm[known] = known === 'memory' ? `${found}M` : found
      book.note(keyAt, path, 'changed', `microvm.${known}`)
    }
  }
  return microvm
}

function readServer(item: Tree, path: KeyPath, servers: Record<string, ImportedServer>, book: Notebook): void {
  const id = entryOf(item, 'id') ?? entryOf(item, 'name')
  const name = id === undefined ? undefined : textOf(id.value, [...path, id.key], book)
  if (item.kind !== 'table' || name === undefined)
    return book.note(item.at, path, 'look', 'a server without an id: left out')
  const server: Draft<ImportedServer> = {}
  const sandbox: Draft<ImportedSandbox> = {}
  for (const { key, keyAt, value } of item.entries) {
    const at = [...path, key]
    switch (key) {
      case 'id':
        book.note(keyAt, at, 'taken', `the server ${name}`)
        break
      case 'name':
        book.note(keyAt, at, 'left out', 'a server is called by its id')
        break
      case 'command': {
        const text = textOf(value, at, book)
        if (text !== undefined) server.command = text
        book.note(keyAt, at, 'taken')
        break
      }
      case 'args':
        server.args =
          value.kind === 'list' ? value.items.flatMap((arg, index) => textOf(arg, [...at, index], book) ?? []) : []
        book.note(keyAt, at, 'taken')
        break
      case 'isolation_mode': {
        const driver = drivers[textOf(value, at, book)?.toLowerCase() ?? '']
        if (driver !== undefined) sandbox.driver = driver
        book.note(
          keyAt,
          at,
          driver === undefined ? 'look' : 'changed',
          driver === undefined
            ? 'no driver isolates like this: the default one is meant now'
            : `sandbox.driver = ${driver}`,
        )
        break
      }
      case 'microvm_config':
        sandbox.limits = readLimits(value, at, book)
        break
      case 'tools':
        sandbox.tools = { each: readTools(value, at, book) }
        break
      default:
        book.note(keyAt, at, 'look', 'not a key that is known: left out')
    }
  }
  const whole = { ...server, ...(Object.keys(sandbox).length > 0 && { sandbox }) }
  Object.defineProperty(servers, name, { value: whole, enumerable: true, configurable: true })
}

function readLimits(value: Tree, path: KeyPath, book: Notebook): Record<string, string | number> {
  const limits: Record<string, string | number> = {}
  for (const { key, keyAt, value: item } of value.kind === 'table' ? value.entries : []) {
    const at = [...path, key]
    const known = { memory_mb: 'memory', vcpus: 'cpus', vcpu_count: 'cpus', mem_size_mib: 'memory' }[key]
    const number = known === undefined ? undefined : numberOf(item, at, book)
    if (known !== undefined && number !== undefined) limits[known] = known === 'memory' ? `${number}M` : number
    book.note(
      keyAt,
      at,
      known === undefined ? 'look' : 'changed',
      known === undefined ? 'not a key that is known: left out' : `sandbox.limits.${known}`,
    )
  }
  return limits
}

function readTools(value: Tree, path: KeyPath, book: Notebook): Record<string, { driver?: string; lifetime?: 'call' }> {
  const each: Record<string, { driver?: string; lifetime?: 'call' }> = {}
  for (const [index, item] of (value.kind === 'list' ? value.items : []).entries()) {
    const at = [...path, index]
    const [name, isolation] = [entryOf(item, 'name')?.value, entryOf(item, 'isolation')?.value]
    const tool = name === undefined ? undefined : textOf(name, [...at, 'name'], book)
    const driver = isolation?.kind === 'leaf' ? drivers[String(isolation.value).toLowerCase()] : undefined
    if (tool === undefined || driver === undefined)
      book.note(item.at, at, 'look', 'no tool with an isolation that is known: left out')
    else {
      Object.defineProperty(each, tool, { value: { driver, lifetime: 'call' }, enumerable: true, configurable: true })
      book.note(item.at, at, 'changed', `sandbox.tools.each.${tool}: a ${driver} of its own for each call`)
    }
    if (isTrue(entryOf(item, 'disabled')?.value))
      book.note(item.at, at, 'look', 'a tool that is off: write it into sandbox.tools.deny')
  }
  return each
}
