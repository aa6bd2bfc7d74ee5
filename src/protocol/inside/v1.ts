// Made from native/wire/proto/glovebox/inside/v1/inside.proto by `npm run build:protocol`: do not edit.
import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire'
import { addTo, asNumber, type Call } from './codec.ts'

export type FileKind = 'unspecified' | 'regular' | 'directory' | 'symlink' | 'other'

/** A number that this version has no name for is `unspecified`. */
export function decodeFileKind(value: number): FileKind {
  switch (value) {
    case 1:
      return 'regular'
    case 2:
      return 'directory'
    case 3:
      return 'symlink'
    case 4:
      return 'other'
    default:
      return 'unspecified'
  }
}

export function encodeFileKind(value: FileKind): number {
  switch (value) {
    case 'unspecified':
      return 0
    case 'regular':
      return 1
    case 'directory':
      return 2
    case 'symlink':
      return 3
    case 'other':
      return 4
  }
}

export interface HelloRequest {
  /** The oldest and newest protocol that the host speaks; the inside picks one, or ends with FAILED_PRECONDITION. */
  readonly oldest: number
  readonly newest: number
}

export function encodeHelloRequest(message: HelloRequest): Uint8Array {
  const writer = new BinaryWriter()
  if (message.oldest !== 0) writer.tag(1, WireType.Varint).uint32(message.oldest)
  if (message.newest !== 0) writer.tag(2, WireType.Varint).uint32(message.newest)
  return writer.finish()
}

/** @throws Error for bytes that are no HelloRequest */
export function decodeHelloRequest(bytes: Uint8Array): HelloRequest {
  const reader = new BinaryReader(bytes)
  let oldest: number = 0
  let newest: number = 0
  while (reader.pos < reader.len) {
    const [number, type] = reader.tag()
    switch (number * 8 + type) {
      case 8:
        oldest = reader.uint32()
        break
      case 16:
        newest = reader.uint32()
        break
      default:
        reader.skip(type, number)
    }
  }
  return { oldest, newest }
}

export interface HelloReply {
  readonly protocol: number
  /** Version of glovebox-inside, "0.1.0". */
  readonly version: string
  /** Rises when the inside is started anew or cloned: what an earlier generation said does not hold any more. */
  readonly generation: number
  /** 16 random bytes, new for each generation. */
  readonly instance: Uint8Array
  /** What the inside enforces, control by control. */
  readonly enforcements: readonly Enforcement[]
  /** Full names of the services that it has, "glovebox.inside.v1.Exec". */
  readonly services: readonly string[]
}

export function encodeHelloReply(message: HelloReply): Uint8Array {
  const writer = new BinaryWriter()
  if (message.protocol !== 0) writer.tag(1, WireType.Varint).uint32(message.protocol)
  if (message.version !== '') writer.tag(2, WireType.LengthDelimited).string(message.version)
  if (message.generation !== 0) writer.tag(3, WireType.Varint).uint64(message.generation)
  if (message.instance.length > 0) writer.tag(4, WireType.LengthDelimited).bytes(message.instance)
  for (const item of message.enforcements) writer.tag(5, WireType.LengthDelimited).bytes(encodeEnforcement(item))
  for (const item of message.services) writer.tag(6, WireType.LengthDelimited).string(item)
  return writer.finish()
}

/** @throws Error for bytes that are no HelloReply */
export function decodeHelloReply(bytes: Uint8Array): HelloReply {
  const reader = new BinaryReader(bytes)
  let protocol: number = 0
  let version: string = ''
  let generation: number = 0
  let instance: Uint8Array = new Uint8Array()
  const enforcements: Enforcement[] = []
  const services: string[] = []
  while (reader.pos < reader.len) {
    const [number, type] = reader.tag()
    switch (number * 8 + type) {
      case 8:
        protocol = reader.uint32()
        break
      case 18:
        version = reader.string(true)
        break
      case 24:
        generation = asNumber(reader.uint64())
        break
      case 34:
        instance = reader.bytes()
        break
      case 42:
        addTo(enforcements, decodeEnforcement(reader.bytes()))
        break
      case 50:
        addTo(services, reader.string(true))
        break
      default:
        reader.skip(type, number)
    }
  }
  return { protocol, version, generation, instance, enforcements, services }
}

export interface Enforcement {
  readonly control: string
  readonly mechanism: string
  readonly enforced: boolean
}

export function encodeEnforcement(message: Enforcement): Uint8Array {
  const writer = new BinaryWriter()
  if (message.control !== '') writer.tag(1, WireType.LengthDelimited).string(message.control)
  if (message.mechanism !== '') writer.tag(2, WireType.LengthDelimited).string(message.mechanism)
  if (message.enforced) writer.tag(3, WireType.Varint).bool(message.enforced)
  return writer.finish()
}

/** @throws Error for bytes that are no Enforcement */
export function decodeEnforcement(bytes: Uint8Array): Enforcement {
  const reader = new BinaryReader(bytes)
  let control: string = ''
  let mechanism: string = ''
  let enforced: boolean = false
  while (reader.pos < reader.len) {
    const [number, type] = reader.tag()
    switch (number * 8 + type) {
      case 10:
        control = reader.string(true)
        break
      case 18:
        mechanism = reader.string(true)
        break
      case 24:
        enforced = reader.bool()
        break
      default:
        reader.skip(type, number)
    }
  }
  return { control, mechanism, enforced }
}

export interface SignalRequest {
  /** As `started` said. */
  readonly pid: number
  readonly signal: number
}

export function encodeSignalRequest(message: SignalRequest): Uint8Array {
  const writer = new BinaryWriter()
  if (message.pid !== 0) writer.tag(1, WireType.Varint).int32(message.pid)
  if (message.signal !== 0) writer.tag(2, WireType.Varint).int32(message.signal)
  return writer.finish()
}

/** @throws Error for bytes that are no SignalRequest */
export function decodeSignalRequest(bytes: Uint8Array): SignalRequest {
  const reader = new BinaryReader(bytes)
  let pid: number = 0
  let signal: number = 0
  while (reader.pos < reader.len) {
    const [number, type] = reader.tag()
    switch (number * 8 + type) {
      case 8:
        pid = reader.int32()
        break
      case 16:
        signal = reader.int32()
        break
      default:
        reader.skip(type, number)
    }
  }
  return { pid, signal }
}

export interface ExecInput {
  readonly input: 
    | { readonly case: 'start'; readonly value: ExecStart }
    | { readonly case: 'stdin'; readonly value: Uint8Array }
    /** Nothing more comes on stdin. */
    | { readonly case: 'stdinEnd'; readonly value: Empty }
    /** A signal's number, for the program's process group. */
    | { readonly case: 'signal'; readonly value: number }
    | { readonly case: 'resize'; readonly value: TerminalSize }
    | undefined
}

export function encodeExecInput(message: ExecInput): Uint8Array {
  const writer = new BinaryWriter()
  switch (message.input?.case) {
    case 'start':
      writer.tag(1, WireType.LengthDelimited).bytes(encodeExecStart(message.input.value))
      break
    case 'stdin':
      writer.tag(2, WireType.LengthDelimited).bytes(message.input.value)
      break
    case 'stdinEnd':
      writer.tag(3, WireType.LengthDelimited).bytes(encodeEmpty(message.input.value))
      break
    case 'signal':
      writer.tag(4, WireType.Varint).int32(message.input.value)
      break
    case 'resize':
      writer.tag(5, WireType.LengthDelimited).bytes(encodeTerminalSize(message.input.value))
      break
    case undefined:
      break
  }
  return writer.finish()
}

/** @throws Error for bytes that are no ExecInput */
export function decodeExecInput(bytes: Uint8Array): ExecInput {
  const reader = new BinaryReader(bytes)
  let input: ExecInput['input']
  while (reader.pos < reader.len) {
    const [number, type] = reader.tag()
    switch (number * 8 + type) {
      case 10:
        input = { case: 'start', value: decodeExecStart(reader.bytes()) }
        break
      case 18:
        input = { case: 'stdin', value: reader.bytes() }
        break
      case 26:
        input = { case: 'stdinEnd', value: decodeEmpty(reader.bytes()) }
        break
      case 32:
        input = { case: 'signal', value: reader.int32() }
        break
      case 42:
        input = { case: 'resize', value: decodeTerminalSize(reader.bytes()) }
        break
      default:
        reader.skip(type, number)
    }
  }
  return { input }
}

export interface ExecStart {
  /** argv[0] is looked up in the PATH of the environment below unless it has a slash. */
  readonly argv: readonly Uint8Array[]
  /** "K=V". Added to the sandbox's own environment, or, with `environment_only`, all of it. */
  readonly environment: readonly Uint8Array[]
  readonly environmentOnly: boolean
  /** Absolute; absent: the working directory of the sandbox's own program. */
  readonly directory: Uint8Array | undefined
  /** Present: a pseudo-terminal is stdin, stdout and stderr, and all output comes as `stdout`. */
  readonly terminal: TerminalSize | undefined
}

export function encodeExecStart(message: ExecStart): Uint8Array {
  const writer = new BinaryWriter()
  for (const item of message.argv) writer.tag(1, WireType.LengthDelimited).bytes(item)
  for (const item of message.environment) writer.tag(2, WireType.LengthDelimited).bytes(item)
  if (message.environmentOnly) writer.tag(3, WireType.Varint).bool(message.environmentOnly)
  if (message.directory !== undefined) writer.tag(4, WireType.LengthDelimited).bytes(message.directory)
  if (message.terminal !== undefined) writer.tag(5, WireType.LengthDelimited).bytes(encodeTerminalSize(message.terminal))
  return writer.finish()
}

/** @throws Error for bytes that are no ExecStart */
export function decodeExecStart(bytes: Uint8Array): ExecStart {
  const reader = new BinaryReader(bytes)
  const argv: Uint8Array[] = []
  const environment: Uint8Array[] = []
  let environmentOnly: boolean = false
  let directory: Uint8Array | undefined = undefined
  let terminal: TerminalSize | undefined = undefined
  while (reader.pos < reader.len) {
    const [number, type] = reader.tag()
    switch (number * 8 + type) {
      case 10:
        addTo(argv, reader.bytes())
        break
      case 18:
        addTo(environment, reader.bytes())
        break
      case 24:
        environmentOnly = reader.bool()
        break
      case 34:
        directory = reader.bytes()
        break
      case 42:
        terminal = decodeTerminalSize(reader.bytes())
        break
      default:
        reader.skip(type, number)
    }
  }
  return { argv, environment, environmentOnly, directory, terminal }
}

export interface TerminalSize {
  readonly rows: number
  readonly columns: number
}

export function encodeTerminalSize(message: TerminalSize): Uint8Array {
  const writer = new BinaryWriter()
  if (message.rows !== 0) writer.tag(1, WireType.Varint).uint32(message.rows)
  if (message.columns !== 0) writer.tag(2, WireType.Varint).uint32(message.columns)
  return writer.finish()
}

/** @throws Error for bytes that are no TerminalSize */
export function decodeTerminalSize(bytes: Uint8Array): TerminalSize {
  const reader = new BinaryReader(bytes)
  let rows: number = 0
  let columns: number = 0
  while (reader.pos < reader.len) {
    const [number, type] = reader.tag()
    switch (number * 8 + type) {
      case 8:
        rows = reader.uint32()
        break
      case 16:
        columns = reader.uint32()
        break
      default:
        reader.skip(type, number)
    }
  }
  return { rows, columns }
}

export interface ExecOutput {
  readonly output: 
    | { readonly case: 'started'; readonly value: ExecStarted }
    | { readonly case: 'stdout'; readonly value: Uint8Array }
    | { readonly case: 'stderr'; readonly value: Uint8Array }
    /** The last message. All output has been sent before it. */
    | { readonly case: 'ended'; readonly value: ExecEnded }
    | undefined
}

export function encodeExecOutput(message: ExecOutput): Uint8Array {
  const writer = new BinaryWriter()
  switch (message.output?.case) {
    case 'started':
      writer.tag(1, WireType.LengthDelimited).bytes(encodeExecStarted(message.output.value))
      break
    case 'stdout':
      writer.tag(2, WireType.LengthDelimited).bytes(message.output.value)
      break
    case 'stderr':
      writer.tag(3, WireType.LengthDelimited).bytes(message.output.value)
      break
    case 'ended':
      writer.tag(4, WireType.LengthDelimited).bytes(encodeExecEnded(message.output.value))
      break
    case undefined:
      break
  }
  return writer.finish()
}

/** @throws Error for bytes that are no ExecOutput */
export function decodeExecOutput(bytes: Uint8Array): ExecOutput {
  const reader = new BinaryReader(bytes)
  let output: ExecOutput['output']
  while (reader.pos < reader.len) {
    const [number, type] = reader.tag()
    switch (number * 8 + type) {
      case 10:
        output = { case: 'started', value: decodeExecStarted(reader.bytes()) }
        break
      case 18:
        output = { case: 'stdout', value: reader.bytes() }
        break
      case 26:
        output = { case: 'stderr', value: reader.bytes() }
        break
      case 34:
        output = { case: 'ended', value: decodeExecEnded(reader.bytes()) }
        break
      default:
        reader.skip(type, number)
    }
  }
  return { output }
}

export interface ExecStarted {
  /** As seen in the sandbox. */
  readonly pid: number
}

export function encodeExecStarted(message: ExecStarted): Uint8Array {
  const writer = new BinaryWriter()
  if (message.pid !== 0) writer.tag(1, WireType.Varint).int32(message.pid)
  return writer.finish()
}

/** @throws Error for bytes that are no ExecStarted */
export function decodeExecStarted(bytes: Uint8Array): ExecStarted {
  const reader = new BinaryReader(bytes)
  let pid: number = 0
  while (reader.pos < reader.len) {
    const [number, type] = reader.tag()
    switch (number * 8 + type) {
      case 8:
        pid = reader.int32()
        break
      default:
        reader.skip(type, number)
    }
  }
  return { pid }
}

export interface ExecEnded {
  readonly wallMs: number
  readonly cpuMs: number
  readonly peakMemoryBytes: number
  readonly how: 
    | { readonly case: 'code'; readonly value: number }
    | { readonly case: 'signal'; readonly value: number }
    /** It could not be executed: an errno, 2 for "not found". */
    | { readonly case: 'notExecuted'; readonly value: number }
    | undefined
}

export function encodeExecEnded(message: ExecEnded): Uint8Array {
  const writer = new BinaryWriter()
  if (message.wallMs !== 0) writer.tag(4, WireType.Varint).uint64(message.wallMs)
  if (message.cpuMs !== 0) writer.tag(5, WireType.Varint).uint64(message.cpuMs)
  if (message.peakMemoryBytes !== 0) writer.tag(6, WireType.Varint).uint64(message.peakMemoryBytes)
  switch (message.how?.case) {
    case 'code':
      writer.tag(1, WireType.Varint).int32(message.how.value)
      break
    case 'signal':
      writer.tag(2, WireType.Varint).int32(message.how.value)
      break
    case 'notExecuted':
      writer.tag(3, WireType.Varint).int32(message.how.value)
      break
    case undefined:
      break
  }
  return writer.finish()
}

/** @throws Error for bytes that are no ExecEnded */
export function decodeExecEnded(bytes: Uint8Array): ExecEnded {
  const reader = new BinaryReader(bytes)
  let wallMs: number = 0
  let cpuMs: number = 0
  let peakMemoryBytes: number = 0
  let how: ExecEnded['how']
  while (reader.pos < reader.len) {
    const [number, type] = reader.tag()
    switch (number * 8 + type) {
      case 32:
        wallMs = asNumber(reader.uint64())
        break
      case 40:
        cpuMs = asNumber(reader.uint64())
        break
      case 48:
        peakMemoryBytes = asNumber(reader.uint64())
        break
      case 8:
        how = { case: 'code', value: reader.int32() }
        break
      case 16:
        how = { case: 'signal', value: reader.int32() }
        break
      case 24:
        how = { case: 'notExecuted', value: reader.int32() }
        break
      default:
        reader.skip(type, number)
    }
  }
  return { wallMs, cpuMs, peakMemoryBytes, how }
}

export interface FilePath {
  readonly root: Uint8Array | undefined
  /** Relative to `root`. An absolute one is an error. */
  readonly path: Uint8Array
  /** The link itself where the last part is one. */
  readonly noFollow: boolean
}

export function encodeFilePath(message: FilePath): Uint8Array {
  const writer = new BinaryWriter()
  if (message.root !== undefined) writer.tag(1, WireType.LengthDelimited).bytes(message.root)
  if (message.path.length > 0) writer.tag(2, WireType.LengthDelimited).bytes(message.path)
  if (message.noFollow) writer.tag(3, WireType.Varint).bool(message.noFollow)
  return writer.finish()
}

/** @throws Error for bytes that are no FilePath */
export function decodeFilePath(bytes: Uint8Array): FilePath {
  const reader = new BinaryReader(bytes)
  let root: Uint8Array | undefined = undefined
  let path: Uint8Array = new Uint8Array()
  let noFollow: boolean = false
  while (reader.pos < reader.len) {
    const [number, type] = reader.tag()
    switch (number * 8 + type) {
      case 10:
        root = reader.bytes()
        break
      case 18:
        path = reader.bytes()
        break
      case 24:
        noFollow = reader.bool()
        break
      default:
        reader.skip(type, number)
    }
  }
  return { root, path, noFollow }
}

export interface FileInfo {
  /** Last part of the path. */
  readonly name: Uint8Array
  readonly kind: FileKind
  readonly mode: number
  readonly size: number
  readonly modifiedMs: number
  /** Of a symbolic link: what it holds, uninterpreted. */
  readonly link: Uint8Array
}

export function encodeFileInfo(message: FileInfo): Uint8Array {
  const writer = new BinaryWriter()
  if (message.name.length > 0) writer.tag(1, WireType.LengthDelimited).bytes(message.name)
  if (encodeFileKind(message.kind) !== 0) writer.tag(2, WireType.Varint).int32(encodeFileKind(message.kind))
  if (message.mode !== 0) writer.tag(3, WireType.Varint).uint32(message.mode)
  if (message.size !== 0) writer.tag(4, WireType.Varint).uint64(message.size)
  if (message.modifiedMs !== 0) writer.tag(5, WireType.Varint).int64(message.modifiedMs)
  if (message.link.length > 0) writer.tag(6, WireType.LengthDelimited).bytes(message.link)
  return writer.finish()
}

/** @throws Error for bytes that are no FileInfo */
export function decodeFileInfo(bytes: Uint8Array): FileInfo {
  const reader = new BinaryReader(bytes)
  let name: Uint8Array = new Uint8Array()
  let kind: FileKind = decodeFileKind(0)
  let mode: number = 0
  let size: number = 0
  let modifiedMs: number = 0
  let link: Uint8Array = new Uint8Array()
  while (reader.pos < reader.len) {
    const [number, type] = reader.tag()
    switch (number * 8 + type) {
      case 10:
        name = reader.bytes()
        break
      case 16:
        kind = decodeFileKind(reader.int32())
        break
      case 24:
        mode = reader.uint32()
        break
      case 32:
        size = asNumber(reader.uint64())
        break
      case 40:
        modifiedMs = asNumber(reader.int64())
        break
      case 50:
        link = reader.bytes()
        break
      default:
        reader.skip(type, number)
    }
  }
  return { name, kind, mode, size, modifiedMs, link }
}

export interface ReadRequest {
  readonly file: FilePath | undefined
  readonly offset: number
  /** Absent: to the end. */
  readonly length: number | undefined
}

export function encodeReadRequest(message: ReadRequest): Uint8Array {
  const writer = new BinaryWriter()
  if (message.file !== undefined) writer.tag(1, WireType.LengthDelimited).bytes(encodeFilePath(message.file))
  if (message.offset !== 0) writer.tag(2, WireType.Varint).uint64(message.offset)
  if (message.length !== undefined) writer.tag(3, WireType.Varint).uint64(message.length)
  return writer.finish()
}

/** @throws Error for bytes that are no ReadRequest */
export function decodeReadRequest(bytes: Uint8Array): ReadRequest {
  const reader = new BinaryReader(bytes)
  let file: FilePath | undefined = undefined
  let offset: number = 0
  let length: number | undefined = undefined
  while (reader.pos < reader.len) {
    const [number, type] = reader.tag()
    switch (number * 8 + type) {
      case 10:
        file = decodeFilePath(reader.bytes())
        break
      case 16:
        offset = asNumber(reader.uint64())
        break
      case 24:
        length = asNumber(reader.uint64())
        break
      default:
        reader.skip(type, number)
    }
  }
  return { file, offset, length }
}

export interface Bytes {
  readonly data: Uint8Array
}

export function encodeBytes(message: Bytes): Uint8Array {
  const writer = new BinaryWriter()
  if (message.data.length > 0) writer.tag(1, WireType.LengthDelimited).bytes(message.data)
  return writer.finish()
}

/** @throws Error for bytes that are no Bytes */
export function decodeBytes(bytes: Uint8Array): Bytes {
  const reader = new BinaryReader(bytes)
  let data: Uint8Array = new Uint8Array()
  while (reader.pos < reader.len) {
    const [number, type] = reader.tag()
    switch (number * 8 + type) {
      case 10:
        data = reader.bytes()
        break
      default:
        reader.skip(type, number)
    }
  }
  return { data }
}

export interface WriteInput {
  readonly input: 
    | { readonly case: 'start'; readonly value: WriteStart }
    | { readonly case: 'data'; readonly value: Uint8Array }
    | undefined
}

export function encodeWriteInput(message: WriteInput): Uint8Array {
  const writer = new BinaryWriter()
  switch (message.input?.case) {
    case 'start':
      writer.tag(1, WireType.LengthDelimited).bytes(encodeWriteStart(message.input.value))
      break
    case 'data':
      writer.tag(2, WireType.LengthDelimited).bytes(message.input.value)
      break
    case undefined:
      break
  }
  return writer.finish()
}

/** @throws Error for bytes that are no WriteInput */
export function decodeWriteInput(bytes: Uint8Array): WriteInput {
  const reader = new BinaryReader(bytes)
  let input: WriteInput['input']
  while (reader.pos < reader.len) {
    const [number, type] = reader.tag()
    switch (number * 8 + type) {
      case 10:
        input = { case: 'start', value: decodeWriteStart(reader.bytes()) }
        break
      case 18:
        input = { case: 'data', value: reader.bytes() }
        break
      default:
        reader.skip(type, number)
    }
  }
  return { input }
}

export interface WriteStart {
  readonly file: FilePath | undefined
  readonly mode: number
  readonly modifiedMs: number | undefined
  /** An error (ALREADY_EXISTS) when the name is taken. */
  readonly createOnly: boolean
}

export function encodeWriteStart(message: WriteStart): Uint8Array {
  const writer = new BinaryWriter()
  if (message.file !== undefined) writer.tag(1, WireType.LengthDelimited).bytes(encodeFilePath(message.file))
  if (message.mode !== 0) writer.tag(2, WireType.Varint).uint32(message.mode)
  if (message.modifiedMs !== undefined) writer.tag(3, WireType.Varint).int64(message.modifiedMs)
  if (message.createOnly) writer.tag(4, WireType.Varint).bool(message.createOnly)
  return writer.finish()
}

/** @throws Error for bytes that are no WriteStart */
export function decodeWriteStart(bytes: Uint8Array): WriteStart {
  const reader = new BinaryReader(bytes)
  let file: FilePath | undefined = undefined
  let mode: number = 0
  let modifiedMs: number | undefined = undefined
  let createOnly: boolean = false
  while (reader.pos < reader.len) {
    const [number, type] = reader.tag()
    switch (number * 8 + type) {
      case 10:
        file = decodeFilePath(reader.bytes())
        break
      case 16:
        mode = reader.uint32()
        break
      case 24:
        modifiedMs = asNumber(reader.int64())
        break
      case 32:
        createOnly = reader.bool()
        break
      default:
        reader.skip(type, number)
    }
  }
  return { file, mode, modifiedMs, createOnly }
}

export interface MakeDirectoryRequest {
  readonly file: FilePath | undefined
  readonly mode: number
  readonly parents: boolean
}

export function encodeMakeDirectoryRequest(message: MakeDirectoryRequest): Uint8Array {
  const writer = new BinaryWriter()
  if (message.file !== undefined) writer.tag(1, WireType.LengthDelimited).bytes(encodeFilePath(message.file))
  if (message.mode !== 0) writer.tag(2, WireType.Varint).uint32(message.mode)
  if (message.parents) writer.tag(3, WireType.Varint).bool(message.parents)
  return writer.finish()
}

/** @throws Error for bytes that are no MakeDirectoryRequest */
export function decodeMakeDirectoryRequest(bytes: Uint8Array): MakeDirectoryRequest {
  const reader = new BinaryReader(bytes)
  let file: FilePath | undefined = undefined
  let mode: number = 0
  let parents: boolean = false
  while (reader.pos < reader.len) {
    const [number, type] = reader.tag()
    switch (number * 8 + type) {
      case 10:
        file = decodeFilePath(reader.bytes())
        break
      case 16:
        mode = reader.uint32()
        break
      case 24:
        parents = reader.bool()
        break
      default:
        reader.skip(type, number)
    }
  }
  return { file, mode, parents }
}

export interface RemoveRequest {
  readonly file: FilePath | undefined
  readonly recursive: boolean
}

export function encodeRemoveRequest(message: RemoveRequest): Uint8Array {
  const writer = new BinaryWriter()
  if (message.file !== undefined) writer.tag(1, WireType.LengthDelimited).bytes(encodeFilePath(message.file))
  if (message.recursive) writer.tag(2, WireType.Varint).bool(message.recursive)
  return writer.finish()
}

/** @throws Error for bytes that are no RemoveRequest */
export function decodeRemoveRequest(bytes: Uint8Array): RemoveRequest {
  const reader = new BinaryReader(bytes)
  let file: FilePath | undefined = undefined
  let recursive: boolean = false
  while (reader.pos < reader.len) {
    const [number, type] = reader.tag()
    switch (number * 8 + type) {
      case 10:
        file = decodeFilePath(reader.bytes())
        break
      case 16:
        recursive = reader.bool()
        break
      default:
        reader.skip(type, number)
    }
  }
  return { file, recursive }
}

export interface TarInput {
  readonly input: 
    | { readonly case: 'start'; readonly value: FilePath }
    | { readonly case: 'data'; readonly value: Uint8Array }
    | undefined
}

export function encodeTarInput(message: TarInput): Uint8Array {
  const writer = new BinaryWriter()
  switch (message.input?.case) {
    case 'start':
      writer.tag(1, WireType.LengthDelimited).bytes(encodeFilePath(message.input.value))
      break
    case 'data':
      writer.tag(2, WireType.LengthDelimited).bytes(message.input.value)
      break
    case undefined:
      break
  }
  return writer.finish()
}

/** @throws Error for bytes that are no TarInput */
export function decodeTarInput(bytes: Uint8Array): TarInput {
  const reader = new BinaryReader(bytes)
  let input: TarInput['input']
  while (reader.pos < reader.len) {
    const [number, type] = reader.tag()
    switch (number * 8 + type) {
      case 10:
        input = { case: 'start', value: decodeFilePath(reader.bytes()) }
        break
      case 18:
        input = { case: 'data', value: reader.bytes() }
        break
      default:
        reader.skip(type, number)
    }
  }
  return { input }
}

export interface TarResult {
  readonly entries: number
  readonly bytes: number
}

export function encodeTarResult(message: TarResult): Uint8Array {
  const writer = new BinaryWriter()
  if (message.entries !== 0) writer.tag(1, WireType.Varint).uint64(message.entries)
  if (message.bytes !== 0) writer.tag(2, WireType.Varint).uint64(message.bytes)
  return writer.finish()
}

/** @throws Error for bytes that are no TarResult */
export function decodeTarResult(bytes: Uint8Array): TarResult {
  const reader = new BinaryReader(bytes)
  let entries: number = 0
  let bytesField: number = 0
  while (reader.pos < reader.len) {
    const [number, type] = reader.tag()
    switch (number * 8 + type) {
      case 8:
        entries = asNumber(reader.uint64())
        break
      case 16:
        bytesField = asNumber(reader.uint64())
        break
      default:
        reader.skip(type, number)
    }
  }
  return { entries, bytes: bytesField }
}

export interface FileChange {
  /** Permission bits; others are not set. */
  readonly mode: number | undefined
  readonly modifiedMs: number | undefined
  readonly size: number | undefined
}

export function encodeFileChange(message: FileChange): Uint8Array {
  const writer = new BinaryWriter()
  if (message.mode !== undefined) writer.tag(1, WireType.Varint).uint32(message.mode)
  if (message.modifiedMs !== undefined) writer.tag(2, WireType.Varint).int64(message.modifiedMs)
  if (message.size !== undefined) writer.tag(3, WireType.Varint).uint64(message.size)
  return writer.finish()
}

/** @throws Error for bytes that are no FileChange */
export function decodeFileChange(bytes: Uint8Array): FileChange {
  const reader = new BinaryReader(bytes)
  let mode: number | undefined = undefined
  let modifiedMs: number | undefined = undefined
  let size: number | undefined = undefined
  while (reader.pos < reader.len) {
    const [number, type] = reader.tag()
    switch (number * 8 + type) {
      case 8:
        mode = reader.uint32()
        break
      case 16:
        modifiedMs = asNumber(reader.int64())
        break
      case 24:
        size = asNumber(reader.uint64())
        break
      default:
        reader.skip(type, number)
    }
  }
  return { mode, modifiedMs, size }
}

export interface ChangeRequest {
  readonly file: FilePath | undefined
  readonly change: FileChange | undefined
}

export function encodeChangeRequest(message: ChangeRequest): Uint8Array {
  const writer = new BinaryWriter()
  if (message.file !== undefined) writer.tag(1, WireType.LengthDelimited).bytes(encodeFilePath(message.file))
  if (message.change !== undefined) writer.tag(2, WireType.LengthDelimited).bytes(encodeFileChange(message.change))
  return writer.finish()
}

/** @throws Error for bytes that are no ChangeRequest */
export function decodeChangeRequest(bytes: Uint8Array): ChangeRequest {
  const reader = new BinaryReader(bytes)
  let file: FilePath | undefined = undefined
  let change: FileChange | undefined = undefined
  while (reader.pos < reader.len) {
    const [number, type] = reader.tag()
    switch (number * 8 + type) {
      case 10:
        file = decodeFilePath(reader.bytes())
        break
      case 18:
        change = decodeFileChange(reader.bytes())
        break
      default:
        reader.skip(type, number)
    }
  }
  return { file, change }
}

export interface RenameRequest {
  readonly from: FilePath | undefined
  readonly to: FilePath | undefined
  /** An error (ALREADY_EXISTS) when the name is taken; else what had it is replaced. */
  readonly keep: boolean
}

export function encodeRenameRequest(message: RenameRequest): Uint8Array {
  const writer = new BinaryWriter()
  if (message.from !== undefined) writer.tag(1, WireType.LengthDelimited).bytes(encodeFilePath(message.from))
  if (message.to !== undefined) writer.tag(2, WireType.LengthDelimited).bytes(encodeFilePath(message.to))
  if (message.keep) writer.tag(3, WireType.Varint).bool(message.keep)
  return writer.finish()
}

/** @throws Error for bytes that are no RenameRequest */
export function decodeRenameRequest(bytes: Uint8Array): RenameRequest {
  const reader = new BinaryReader(bytes)
  let from: FilePath | undefined = undefined
  let to: FilePath | undefined = undefined
  let keep: boolean = false
  while (reader.pos < reader.len) {
    const [number, type] = reader.tag()
    switch (number * 8 + type) {
      case 10:
        from = decodeFilePath(reader.bytes())
        break
      case 18:
        to = decodeFilePath(reader.bytes())
        break
      case 24:
        keep = reader.bool()
        break
      default:
        reader.skip(type, number)
    }
  }
  return { from, to, keep }
}

export interface MakeLinkRequest {
  readonly file: FilePath | undefined
  /** What the symbolic link holds, uninterpreted. */
  readonly link: Uint8Array
}

export function encodeMakeLinkRequest(message: MakeLinkRequest): Uint8Array {
  const writer = new BinaryWriter()
  if (message.file !== undefined) writer.tag(1, WireType.LengthDelimited).bytes(encodeFilePath(message.file))
  if (message.link.length > 0) writer.tag(2, WireType.LengthDelimited).bytes(message.link)
  return writer.finish()
}

/** @throws Error for bytes that are no MakeLinkRequest */
export function decodeMakeLinkRequest(bytes: Uint8Array): MakeLinkRequest {
  const reader = new BinaryReader(bytes)
  let file: FilePath | undefined = undefined
  let link: Uint8Array = new Uint8Array()
  while (reader.pos < reader.len) {
    const [number, type] = reader.tag()
    switch (number * 8 + type) {
      case 10:
        file = decodeFilePath(reader.bytes())
        break
      case 18:
        link = reader.bytes()
        break
      default:
        reader.skip(type, number)
    }
  }
  return { file, link }
}

export interface UpdateInput {
  readonly input: 
    | { readonly case: 'start'; readonly value: UpdateStart }
    | { readonly case: 'data'; readonly value: UpdateData }
    /** Behind all data that came before it. */
    | { readonly case: 'change'; readonly value: FileChange }
    | undefined
}

export function encodeUpdateInput(message: UpdateInput): Uint8Array {
  const writer = new BinaryWriter()
  switch (message.input?.case) {
    case 'start':
      writer.tag(1, WireType.LengthDelimited).bytes(encodeUpdateStart(message.input.value))
      break
    case 'data':
      writer.tag(2, WireType.LengthDelimited).bytes(encodeUpdateData(message.input.value))
      break
    case 'change':
      writer.tag(3, WireType.LengthDelimited).bytes(encodeFileChange(message.input.value))
      break
    case undefined:
      break
  }
  return writer.finish()
}

/** @throws Error for bytes that are no UpdateInput */
export function decodeUpdateInput(bytes: Uint8Array): UpdateInput {
  const reader = new BinaryReader(bytes)
  let input: UpdateInput['input']
  while (reader.pos < reader.len) {
    const [number, type] = reader.tag()
    switch (number * 8 + type) {
      case 10:
        input = { case: 'start', value: decodeUpdateStart(reader.bytes()) }
        break
      case 18:
        input = { case: 'data', value: decodeUpdateData(reader.bytes()) }
        break
      case 26:
        input = { case: 'change', value: decodeFileChange(reader.bytes()) }
        break
      default:
        reader.skip(type, number)
    }
  }
  return { input }
}

export interface UpdateStart {
  readonly file: FilePath | undefined
  /** Of a file that is made. */
  readonly mode: number
  readonly create: boolean
  /** An error (ALREADY_EXISTS) when the name is taken. */
  readonly createOnly: boolean
  readonly truncate: boolean
  /** Offsets mean nothing: data goes to the end of the file. */
  readonly append: boolean
}

export function encodeUpdateStart(message: UpdateStart): Uint8Array {
  const writer = new BinaryWriter()
  if (message.file !== undefined) writer.tag(1, WireType.LengthDelimited).bytes(encodeFilePath(message.file))
  if (message.mode !== 0) writer.tag(2, WireType.Varint).uint32(message.mode)
  if (message.create) writer.tag(3, WireType.Varint).bool(message.create)
  if (message.createOnly) writer.tag(4, WireType.Varint).bool(message.createOnly)
  if (message.truncate) writer.tag(5, WireType.Varint).bool(message.truncate)
  if (message.append) writer.tag(6, WireType.Varint).bool(message.append)
  return writer.finish()
}

/** @throws Error for bytes that are no UpdateStart */
export function decodeUpdateStart(bytes: Uint8Array): UpdateStart {
  const reader = new BinaryReader(bytes)
  let file: FilePath | undefined = undefined
  let mode: number = 0
  let create: boolean = false
  let createOnly: boolean = false
  let truncate: boolean = false
  let append: boolean = false
  while (reader.pos < reader.len) {
    const [number, type] = reader.tag()
    switch (number * 8 + type) {
      case 10:
        file = decodeFilePath(reader.bytes())
        break
      case 16:
        mode = reader.uint32()
        break
      case 24:
        create = reader.bool()
        break
      case 32:
        createOnly = reader.bool()
        break
      case 40:
        truncate = reader.bool()
        break
      case 48:
        append = reader.bool()
        break
      default:
        reader.skip(type, number)
    }
  }
  return { file, mode, create, createOnly, truncate, append }
}

export interface UpdateData {
  readonly offset: number
  readonly data: Uint8Array
}

export function encodeUpdateData(message: UpdateData): Uint8Array {
  const writer = new BinaryWriter()
  if (message.offset !== 0) writer.tag(1, WireType.Varint).uint64(message.offset)
  if (message.data.length > 0) writer.tag(2, WireType.LengthDelimited).bytes(message.data)
  return writer.finish()
}

/** @throws Error for bytes that are no UpdateData */
export function decodeUpdateData(bytes: Uint8Array): UpdateData {
  const reader = new BinaryReader(bytes)
  let offset: number = 0
  let data: Uint8Array = new Uint8Array()
  while (reader.pos < reader.len) {
    const [number, type] = reader.tag()
    switch (number * 8 + type) {
      case 8:
        offset = asNumber(reader.uint64())
        break
      case 18:
        data = reader.bytes()
        break
      default:
        reader.skip(type, number)
    }
  }
  return { offset, data }
}

export interface ConnectInput {
  readonly input: 
    | { readonly case: 'target'; readonly value: ConnectTarget }
    | { readonly case: 'data'; readonly value: Uint8Array }
    | undefined
}

export function encodeConnectInput(message: ConnectInput): Uint8Array {
  const writer = new BinaryWriter()
  switch (message.input?.case) {
    case 'target':
      writer.tag(1, WireType.LengthDelimited).bytes(encodeConnectTarget(message.input.value))
      break
    case 'data':
      writer.tag(2, WireType.LengthDelimited).bytes(message.input.value)
      break
    case undefined:
      break
  }
  return writer.finish()
}

/** @throws Error for bytes that are no ConnectInput */
export function decodeConnectInput(bytes: Uint8Array): ConnectInput {
  const reader = new BinaryReader(bytes)
  let input: ConnectInput['input']
  while (reader.pos < reader.len) {
    const [number, type] = reader.tag()
    switch (number * 8 + type) {
      case 10:
        input = { case: 'target', value: decodeConnectTarget(reader.bytes()) }
        break
      case 18:
        input = { case: 'data', value: reader.bytes() }
        break
      default:
        reader.skip(type, number)
    }
  }
  return { input }
}

export interface ConnectTarget {
  readonly target: 
    /** On 127.0.0.1, then ::1. */
    | { readonly case: 'tcpPort'; readonly value: number }
    | { readonly case: 'unixPath'; readonly value: Uint8Array }
    | undefined
}

export function encodeConnectTarget(message: ConnectTarget): Uint8Array {
  const writer = new BinaryWriter()
  switch (message.target?.case) {
    case 'tcpPort':
      writer.tag(1, WireType.Varint).uint32(message.target.value)
      break
    case 'unixPath':
      writer.tag(2, WireType.LengthDelimited).bytes(message.target.value)
      break
    case undefined:
      break
  }
  return writer.finish()
}

/** @throws Error for bytes that are no ConnectTarget */
export function decodeConnectTarget(bytes: Uint8Array): ConnectTarget {
  const reader = new BinaryReader(bytes)
  let target: ConnectTarget['target']
  while (reader.pos < reader.len) {
    const [number, type] = reader.tag()
    switch (number * 8 + type) {
      case 8:
        target = { case: 'tcpPort', value: reader.uint32() }
        break
      case 18:
        target = { case: 'unixPath', value: reader.bytes() }
        break
      default:
        reader.skip(type, number)
    }
  }
  return { target }
}

export interface EgressInput {
  readonly input: 
    | { readonly case: 'offer'; readonly value: EgressOffer }
    | { readonly case: 'accepted'; readonly value: Empty }
    /** An errno for the program, ECONNREFUSED for instance. */
    | { readonly case: 'refused'; readonly value: number }
    | { readonly case: 'data'; readonly value: Uint8Array }
    | undefined
}

export function encodeEgressInput(message: EgressInput): Uint8Array {
  const writer = new BinaryWriter()
  switch (message.input?.case) {
    case 'offer':
      writer.tag(1, WireType.LengthDelimited).bytes(encodeEgressOffer(message.input.value))
      break
    case 'accepted':
      writer.tag(2, WireType.LengthDelimited).bytes(encodeEmpty(message.input.value))
      break
    case 'refused':
      writer.tag(3, WireType.Varint).int32(message.input.value)
      break
    case 'data':
      writer.tag(4, WireType.LengthDelimited).bytes(message.input.value)
      break
    case undefined:
      break
  }
  return writer.finish()
}

/** @throws Error for bytes that are no EgressInput */
export function decodeEgressInput(bytes: Uint8Array): EgressInput {
  const reader = new BinaryReader(bytes)
  let input: EgressInput['input']
  while (reader.pos < reader.len) {
    const [number, type] = reader.tag()
    switch (number * 8 + type) {
      case 10:
        input = { case: 'offer', value: decodeEgressOffer(reader.bytes()) }
        break
      case 18:
        input = { case: 'accepted', value: decodeEmpty(reader.bytes()) }
        break
      case 24:
        input = { case: 'refused', value: reader.int32() }
        break
      case 34:
        input = { case: 'data', value: reader.bytes() }
        break
      default:
        reader.skip(type, number)
    }
  }
  return { input }
}

export interface EgressOffer {
  /** Ports of the synthetic range on which connections are taken, 1 to 1024 of them. */
  readonly tcpPorts: readonly number[]
}

export function encodeEgressOffer(message: EgressOffer): Uint8Array {
  const writer = new BinaryWriter()
  for (const item of message.tcpPorts) writer.tag(1, WireType.Varint).uint32(item)
  return writer.finish()
}

/** @throws Error for bytes that are no EgressOffer */
export function decodeEgressOffer(bytes: Uint8Array): EgressOffer {
  const reader = new BinaryReader(bytes)
  const tcpPorts: number[] = []
  while (reader.pos < reader.len) {
    const [number, type] = reader.tag()
    switch (number * 8 + type) {
      case 8:
        addTo(tcpPorts, reader.uint32())
        break
      case 10:
        for (const end = reader.uint32() + reader.pos; reader.pos < end; ) addTo(tcpPorts, reader.uint32())
        break
      default:
        reader.skip(type, number)
    }
  }
  return { tcpPorts }
}

export interface EgressOutput {
  readonly output: 
    | { readonly case: 'opened'; readonly value: EgressOpened }
    | { readonly case: 'data'; readonly value: Uint8Array }
    | undefined
}

export function encodeEgressOutput(message: EgressOutput): Uint8Array {
  const writer = new BinaryWriter()
  switch (message.output?.case) {
    case 'opened':
      writer.tag(1, WireType.LengthDelimited).bytes(encodeEgressOpened(message.output.value))
      break
    case 'data':
      writer.tag(2, WireType.LengthDelimited).bytes(message.output.value)
      break
    case undefined:
      break
  }
  return writer.finish()
}

/** @throws Error for bytes that are no EgressOutput */
export function decodeEgressOutput(bytes: Uint8Array): EgressOutput {
  const reader = new BinaryReader(bytes)
  let output: EgressOutput['output']
  while (reader.pos < reader.len) {
    const [number, type] = reader.tag()
    switch (number * 8 + type) {
      case 10:
        output = { case: 'opened', value: decodeEgressOpened(reader.bytes()) }
        break
      case 18:
        output = { case: 'data', value: reader.bytes() }
        break
      default:
        reader.skip(type, number)
    }
  }
  return { output }
}

export interface EgressOpened {
  /** The address that the program connected to, 4 or 16 bytes: synthetic ones are names to the host. */
  readonly address: Uint8Array
  readonly port: number
}

export function encodeEgressOpened(message: EgressOpened): Uint8Array {
  const writer = new BinaryWriter()
  if (message.address.length > 0) writer.tag(1, WireType.LengthDelimited).bytes(message.address)
  if (message.port !== 0) writer.tag(2, WireType.Varint).uint32(message.port)
  return writer.finish()
}

/** @throws Error for bytes that are no EgressOpened */
export function decodeEgressOpened(bytes: Uint8Array): EgressOpened {
  const reader = new BinaryReader(bytes)
  let address: Uint8Array = new Uint8Array()
  let port: number = 0
  while (reader.pos < reader.len) {
    const [number, type] = reader.tag()
    switch (number * 8 + type) {
      case 10:
        address = reader.bytes()
        break
      case 16:
        port = reader.uint32()
        break
      default:
        reader.skip(type, number)
    }
  }
  return { address, port }
}

export type StatsRequest = Readonly<Record<string, never>>

export const encodeStatsRequest: (message: StatsRequest) => Uint8Array = () => new Uint8Array()

/** @throws Error for bytes that are no StatsRequest */
export function decodeStatsRequest(bytes: Uint8Array): StatsRequest {
  const reader = new BinaryReader(bytes)
  while (reader.pos < reader.len) {
    const [number, type] = reader.tag()
    switch (number * 8 + type) {
      default:
        reader.skip(type, number)
    }
  }
  return {  }
}

export interface StatsReply {
  readonly memoryBytes: number
  /** 0: not known here. */
  readonly memoryLimitBytes: number
  readonly cpuMs: number
  readonly processes: number
  readonly processesLimit: number
  readonly uptimeMs: number
  /** Pressure stall information of the sandbox (PSI), where the kernel has it. */
  readonly cpuPressure: Pressure | undefined
  readonly memoryPressure: Pressure | undefined
  readonly ioPressure: Pressure | undefined
  /** The newest last, at most 16. */
  readonly lastDenials: readonly Denial[]
}

export function encodeStatsReply(message: StatsReply): Uint8Array {
  const writer = new BinaryWriter()
  if (message.memoryBytes !== 0) writer.tag(1, WireType.Varint).uint64(message.memoryBytes)
  if (message.memoryLimitBytes !== 0) writer.tag(2, WireType.Varint).uint64(message.memoryLimitBytes)
  if (message.cpuMs !== 0) writer.tag(3, WireType.Varint).uint64(message.cpuMs)
  if (message.processes !== 0) writer.tag(4, WireType.Varint).uint32(message.processes)
  if (message.processesLimit !== 0) writer.tag(5, WireType.Varint).uint32(message.processesLimit)
  if (message.uptimeMs !== 0) writer.tag(6, WireType.Varint).uint64(message.uptimeMs)
  if (message.cpuPressure !== undefined) writer.tag(7, WireType.LengthDelimited).bytes(encodePressure(message.cpuPressure))
  if (message.memoryPressure !== undefined) writer.tag(8, WireType.LengthDelimited).bytes(encodePressure(message.memoryPressure))
  if (message.ioPressure !== undefined) writer.tag(9, WireType.LengthDelimited).bytes(encodePressure(message.ioPressure))
  for (const item of message.lastDenials) writer.tag(10, WireType.LengthDelimited).bytes(encodeDenial(item))
  return writer.finish()
}

/** @throws Error for bytes that are no StatsReply */
export function decodeStatsReply(bytes: Uint8Array): StatsReply {
  const reader = new BinaryReader(bytes)
  let memoryBytes: number = 0
  let memoryLimitBytes: number = 0
  let cpuMs: number = 0
  let processes: number = 0
  let processesLimit: number = 0
  let uptimeMs: number = 0
  let cpuPressure: Pressure | undefined = undefined
  let memoryPressure: Pressure | undefined = undefined
  let ioPressure: Pressure | undefined = undefined
  const lastDenials: Denial[] = []
  while (reader.pos < reader.len) {
    const [number, type] = reader.tag()
    switch (number * 8 + type) {
      case 8:
        memoryBytes = asNumber(reader.uint64())
        break
      case 16:
        memoryLimitBytes = asNumber(reader.uint64())
        break
      case 24:
        cpuMs = asNumber(reader.uint64())
        break
      case 32:
        processes = reader.uint32()
        break
      case 40:
        processesLimit = reader.uint32()
        break
      case 48:
        uptimeMs = asNumber(reader.uint64())
        break
      case 58:
        cpuPressure = decodePressure(reader.bytes())
        break
      case 66:
        memoryPressure = decodePressure(reader.bytes())
        break
      case 74:
        ioPressure = decodePressure(reader.bytes())
        break
      case 82:
        addTo(lastDenials, decodeDenial(reader.bytes()))
        break
      default:
        reader.skip(type, number)
    }
  }
  return { memoryBytes, memoryLimitBytes, cpuMs, processes, processesLimit, uptimeMs, cpuPressure, memoryPressure, ioPressure, lastDenials }
}

export interface Pressure {
  /** Share of the last 10 s in which some task waited, in percent. */
  readonly some10s: number
  readonly someTotalUs: number
}

export function encodePressure(message: Pressure): Uint8Array {
  const writer = new BinaryWriter()
  if (message.some10s !== 0) writer.tag(1, WireType.Bit32).float(message.some10s)
  if (message.someTotalUs !== 0) writer.tag(2, WireType.Varint).uint64(message.someTotalUs)
  return writer.finish()
}

/** @throws Error for bytes that are no Pressure */
export function decodePressure(bytes: Uint8Array): Pressure {
  const reader = new BinaryReader(bytes)
  let some10s: number = 0
  let someTotalUs: number = 0
  while (reader.pos < reader.len) {
    const [number, type] = reader.tag()
    switch (number * 8 + type) {
      case 13:
        some10s = reader.float()
        break
      case 16:
        someTotalUs = asNumber(reader.uint64())
        break
      default:
        reader.skip(type, number)
    }
  }
  return { some10s, someTotalUs }
}

export interface Denial {
  readonly atMs: number
  readonly operation: string
  readonly subject: Uint8Array
}

export function encodeDenial(message: Denial): Uint8Array {
  const writer = new BinaryWriter()
  if (message.atMs !== 0) writer.tag(1, WireType.Varint).int64(message.atMs)
  if (message.operation !== '') writer.tag(2, WireType.LengthDelimited).string(message.operation)
  if (message.subject.length > 0) writer.tag(3, WireType.LengthDelimited).bytes(message.subject)
  return writer.finish()
}

/** @throws Error for bytes that are no Denial */
export function decodeDenial(bytes: Uint8Array): Denial {
  const reader = new BinaryReader(bytes)
  let atMs: number = 0
  let operation: string = ''
  let subject: Uint8Array = new Uint8Array()
  while (reader.pos < reader.len) {
    const [number, type] = reader.tag()
    switch (number * 8 + type) {
      case 8:
        atMs = asNumber(reader.int64())
        break
      case 18:
        operation = reader.string(true)
        break
      case 26:
        subject = reader.bytes()
        break
      default:
        reader.skip(type, number)
    }
  }
  return { atMs, operation, subject }
}

export interface SetClockRequest {
  /** Nanoseconds since 1970, UTC. */
  readonly unixNs: bigint
}

export function encodeSetClockRequest(message: SetClockRequest): Uint8Array {
  const writer = new BinaryWriter()
  if (message.unixNs !== 0n) writer.tag(1, WireType.Varint).int64(message.unixNs)
  return writer.finish()
}

/** @throws Error for bytes that are no SetClockRequest */
export function decodeSetClockRequest(bytes: Uint8Array): SetClockRequest {
  const reader = new BinaryReader(bytes)
  let unixNs: bigint = 0n
  while (reader.pos < reader.len) {
    const [number, type] = reader.tag()
    switch (number * 8 + type) {
      case 8:
        unixNs = BigInt(reader.int64())
        break
      default:
        reader.skip(type, number)
    }
  }
  return { unixNs }
}

export interface ReseedRequest {
  /** 32 to 512 bytes from the host's generator. */
  readonly entropy: Uint8Array
  /** The new generation; must be above the present one. */
  readonly generation: number
}

export function encodeReseedRequest(message: ReseedRequest): Uint8Array {
  const writer = new BinaryWriter()
  if (message.entropy.length > 0) writer.tag(1, WireType.LengthDelimited).bytes(message.entropy)
  if (message.generation !== 0) writer.tag(2, WireType.Varint).uint64(message.generation)
  return writer.finish()
}

/** @throws Error for bytes that are no ReseedRequest */
export function decodeReseedRequest(bytes: Uint8Array): ReseedRequest {
  const reader = new BinaryReader(bytes)
  let entropy: Uint8Array = new Uint8Array()
  let generation: number = 0
  while (reader.pos < reader.len) {
    const [number, type] = reader.tag()
    switch (number * 8 + type) {
      case 10:
        entropy = reader.bytes()
        break
      case 16:
        generation = asNumber(reader.uint64())
        break
      default:
        reader.skip(type, number)
    }
  }
  return { entropy, generation }
}

export interface IdentifyRequest {
  /** 32 to 512 bytes from the host's generator. */
  readonly entropy: Uint8Array
  /** The new generation; must be above the present one. */
  readonly generation: number
  /** Nanoseconds since 1970, UTC. */
  readonly unixNs: bigint
  /** 1 to 64 of a-z, 0-9 and "-". */
  readonly hostname: string
  /** 16 bytes, not all 0: /etc/machine-id (machine-id(5)). */
  readonly machineId: Uint8Array
}

export function encodeIdentifyRequest(message: IdentifyRequest): Uint8Array {
  const writer = new BinaryWriter()
  if (message.entropy.length > 0) writer.tag(1, WireType.LengthDelimited).bytes(message.entropy)
  if (message.generation !== 0) writer.tag(2, WireType.Varint).uint64(message.generation)
  if (message.unixNs !== 0n) writer.tag(3, WireType.Varint).int64(message.unixNs)
  if (message.hostname !== '') writer.tag(4, WireType.LengthDelimited).string(message.hostname)
  if (message.machineId.length > 0) writer.tag(5, WireType.LengthDelimited).bytes(message.machineId)
  return writer.finish()
}

/** @throws Error for bytes that are no IdentifyRequest */
export function decodeIdentifyRequest(bytes: Uint8Array): IdentifyRequest {
  const reader = new BinaryReader(bytes)
  let entropy: Uint8Array = new Uint8Array()
  let generation: number = 0
  let unixNs: bigint = 0n
  let hostname: string = ''
  let machineId: Uint8Array = new Uint8Array()
  while (reader.pos < reader.len) {
    const [number, type] = reader.tag()
    switch (number * 8 + type) {
      case 10:
        entropy = reader.bytes()
        break
      case 16:
        generation = asNumber(reader.uint64())
        break
      case 24:
        unixNs = BigInt(reader.int64())
        break
      case 34:
        hostname = reader.string(true)
        break
      case 42:
        machineId = reader.bytes()
        break
      default:
        reader.skip(type, number)
    }
  }
  return { entropy, generation, unixNs, hostname, machineId }
}

export interface GuestInput {
  readonly input: 
    | { readonly case: 'start'; readonly value: GuestStart }
    /** Lines for the launcher's plan descriptor, `{"do":"go"}` for instance. They stand in line behind stdin. */
    | { readonly case: 'command'; readonly value: Uint8Array }
    | { readonly case: 'stdin'; readonly value: Uint8Array }
    /** Nothing more comes on stdin. */
    | { readonly case: 'stdinEnd'; readonly value: Empty }
    | { readonly case: 'resize'; readonly value: TerminalSize }
    /**
     * Lets nothing of the sandbox run any more, and leaves it in the machine when the call ends, for Resume in each clone. It must be
     * the machine's only one. The machine is nobody's from then on: Start and Resume end with FAILED_PRECONDITION before the
     * next Identify.
     */
    | { readonly case: 'keep'; readonly value: Empty }
    | undefined
}

export function encodeGuestInput(message: GuestInput): Uint8Array {
  const writer = new BinaryWriter()
  switch (message.input?.case) {
    case 'start':
      writer.tag(1, WireType.LengthDelimited).bytes(encodeGuestStart(message.input.value))
      break
    case 'command':
      writer.tag(2, WireType.LengthDelimited).bytes(message.input.value)
      break
    case 'stdin':
      writer.tag(3, WireType.LengthDelimited).bytes(message.input.value)
      break
    case 'stdinEnd':
      writer.tag(4, WireType.LengthDelimited).bytes(encodeEmpty(message.input.value))
      break
    case 'resize':
      writer.tag(5, WireType.LengthDelimited).bytes(encodeTerminalSize(message.input.value))
      break
    case 'keep':
      writer.tag(6, WireType.LengthDelimited).bytes(encodeEmpty(message.input.value))
      break
    case undefined:
      break
  }
  return writer.finish()
}

/** @throws Error for bytes that are no GuestInput */
export function decodeGuestInput(bytes: Uint8Array): GuestInput {
  const reader = new BinaryReader(bytes)
  let input: GuestInput['input']
  while (reader.pos < reader.len) {
    const [number, type] = reader.tag()
    switch (number * 8 + type) {
      case 10:
        input = { case: 'start', value: decodeGuestStart(reader.bytes()) }
        break
      case 18:
        input = { case: 'command', value: reader.bytes() }
        break
      case 26:
        input = { case: 'stdin', value: reader.bytes() }
        break
      case 34:
        input = { case: 'stdinEnd', value: decodeEmpty(reader.bytes()) }
        break
      case 42:
        input = { case: 'resize', value: decodeTerminalSize(reader.bytes()) }
        break
      case 50:
        input = { case: 'keep', value: decodeEmpty(reader.bytes()) }
        break
      default:
        reader.skip(type, number)
    }
  }
  return { input }
}

export interface GuestCommand {
  readonly id: string
  readonly command: Uint8Array
}

export function encodeGuestCommand(message: GuestCommand): Uint8Array {
  const writer = new BinaryWriter()
  if (message.id !== '') writer.tag(1, WireType.LengthDelimited).string(message.id)
  if (message.command.length > 0) writer.tag(2, WireType.LengthDelimited).bytes(message.command)
  return writer.finish()
}

/** @throws Error for bytes that are no GuestCommand */
export function decodeGuestCommand(bytes: Uint8Array): GuestCommand {
  const reader = new BinaryReader(bytes)
  let id: string = ''
  let command: Uint8Array = new Uint8Array()
  while (reader.pos < reader.len) {
    const [number, type] = reader.tag()
    switch (number * 8 + type) {
      case 10:
        id = reader.string(true)
        break
      case 18:
        command = reader.bytes()
        break
      default:
        reader.skip(type, number)
    }
  }
  return { id, command }
}

export interface GuestCloseOutput {
  readonly id: string
  /** Which: stderr, or stdout. */
  readonly isStderr: boolean
}

export function encodeGuestCloseOutput(message: GuestCloseOutput): Uint8Array {
  const writer = new BinaryWriter()
  if (message.id !== '') writer.tag(1, WireType.LengthDelimited).string(message.id)
  if (message.isStderr) writer.tag(2, WireType.Varint).bool(message.isStderr)
  return writer.finish()
}

/** @throws Error for bytes that are no GuestCloseOutput */
export function decodeGuestCloseOutput(bytes: Uint8Array): GuestCloseOutput {
  const reader = new BinaryReader(bytes)
  let id: string = ''
  let isStderr: boolean = false
  while (reader.pos < reader.len) {
    const [number, type] = reader.tag()
    switch (number * 8 + type) {
      case 10:
        id = reader.string(true)
        break
      case 16:
        isStderr = reader.bool()
        break
      default:
        reader.skip(type, number)
    }
  }
  return { id, isStderr }
}

export interface GuestStart {
  /**
   * The launcher's plan: one JSON line, whose paths are those of the machine. Its sockets belong into /run/glovebox/s/ID, ID
   * being the plan's, a directory (0700) that is made before the launcher runs and removed after it. A second call with an ID
   * that has not ended yet ends with ALREADY_EXISTS.
   */
  readonly plan: Uint8Array
  /** Present: a pseudo-terminal is the launcher's stdin, stdout and stderr, and all output comes as `stdout`. */
  readonly terminal: TerminalSize | undefined
}

export function encodeGuestStart(message: GuestStart): Uint8Array {
  const writer = new BinaryWriter()
  if (message.plan.length > 0) writer.tag(1, WireType.LengthDelimited).bytes(message.plan)
  if (message.terminal !== undefined) writer.tag(2, WireType.LengthDelimited).bytes(encodeTerminalSize(message.terminal))
  return writer.finish()
}

/** @throws Error for bytes that are no GuestStart */
export function decodeGuestStart(bytes: Uint8Array): GuestStart {
  const reader = new BinaryReader(bytes)
  let plan: Uint8Array = new Uint8Array()
  let terminal: TerminalSize | undefined = undefined
  while (reader.pos < reader.len) {
    const [number, type] = reader.tag()
    switch (number * 8 + type) {
      case 10:
        plan = reader.bytes()
        break
      case 18:
        terminal = decodeTerminalSize(reader.bytes())
        break
      default:
        reader.skip(type, number)
    }
  }
  return { plan, terminal }
}

export interface GuestOutput {
  readonly output: 
    /** Of the launcher's status lines, wherever they are cut. */
    | { readonly case: 'status'; readonly value: Uint8Array }
    | { readonly case: 'stdout'; readonly value: Uint8Array }
    | { readonly case: 'stderr'; readonly value: Uint8Array }
    /** The last message, unless that is `kept`. All output has been sent before it. */
    | { readonly case: 'ended'; readonly value: GuestEnded }
    /** Nothing of the sandbox runs, and it waits for Resume. The last message; all that was written has been sent before it. */
    | { readonly case: 'kept'; readonly value: Empty }
    | undefined
}

export function encodeGuestOutput(message: GuestOutput): Uint8Array {
  const writer = new BinaryWriter()
  switch (message.output?.case) {
    case 'status':
      writer.tag(1, WireType.LengthDelimited).bytes(message.output.value)
      break
    case 'stdout':
      writer.tag(2, WireType.LengthDelimited).bytes(message.output.value)
      break
    case 'stderr':
      writer.tag(3, WireType.LengthDelimited).bytes(message.output.value)
      break
    case 'ended':
      writer.tag(4, WireType.LengthDelimited).bytes(encodeGuestEnded(message.output.value))
      break
    case 'kept':
      writer.tag(5, WireType.LengthDelimited).bytes(encodeEmpty(message.output.value))
      break
    case undefined:
      break
  }
  return writer.finish()
}

/** @throws Error for bytes that are no GuestOutput */
export function decodeGuestOutput(bytes: Uint8Array): GuestOutput {
  const reader = new BinaryReader(bytes)
  let output: GuestOutput['output']
  while (reader.pos < reader.len) {
    const [number, type] = reader.tag()
    switch (number * 8 + type) {
      case 10:
        output = { case: 'status', value: reader.bytes() }
        break
      case 18:
        output = { case: 'stdout', value: reader.bytes() }
        break
      case 26:
        output = { case: 'stderr', value: reader.bytes() }
        break
      case 34:
        output = { case: 'ended', value: decodeGuestEnded(reader.bytes()) }
        break
      case 42:
        output = { case: 'kept', value: decodeEmpty(reader.bytes()) }
        break
      default:
        reader.skip(type, number)
    }
  }
  return { output }
}

/** Of the launcher. */
export interface GuestEnded {
  readonly how: 
    | { readonly case: 'code'; readonly value: number }
    | { readonly case: 'signal'; readonly value: number }
    | undefined
}

export function encodeGuestEnded(message: GuestEnded): Uint8Array {
  const writer = new BinaryWriter()
  switch (message.how?.case) {
    case 'code':
      writer.tag(1, WireType.Varint).int32(message.how.value)
      break
    case 'signal':
      writer.tag(2, WireType.Varint).int32(message.how.value)
      break
    case undefined:
      break
  }
  return writer.finish()
}

/** @throws Error for bytes that are no GuestEnded */
export function decodeGuestEnded(bytes: Uint8Array): GuestEnded {
  const reader = new BinaryReader(bytes)
  let how: GuestEnded['how']
  while (reader.pos < reader.len) {
    const [number, type] = reader.tag()
    switch (number * 8 + type) {
      case 8:
        how = { case: 'code', value: reader.int32() }
        break
      case 16:
        how = { case: 'signal', value: reader.int32() }
        break
      default:
        reader.skip(type, number)
    }
  }
  return { how }
}

export interface AcceptInput {
  readonly input: 
    /** Below /run/glovebox/s, 107 bytes at most. */
    | { readonly case: 'path'; readonly value: Uint8Array }
    | { readonly case: 'data'; readonly value: Uint8Array }
    | undefined
}

export function encodeAcceptInput(message: AcceptInput): Uint8Array {
  const writer = new BinaryWriter()
  switch (message.input?.case) {
    case 'path':
      writer.tag(1, WireType.LengthDelimited).bytes(message.input.value)
      break
    case 'data':
      writer.tag(2, WireType.LengthDelimited).bytes(message.input.value)
      break
    case undefined:
      break
  }
  return writer.finish()
}

/** @throws Error for bytes that are no AcceptInput */
export function decodeAcceptInput(bytes: Uint8Array): AcceptInput {
  const reader = new BinaryReader(bytes)
  let input: AcceptInput['input']
  while (reader.pos < reader.len) {
    const [number, type] = reader.tag()
    switch (number * 8 + type) {
      case 10:
        input = { case: 'path', value: reader.bytes() }
        break
      case 18:
        input = { case: 'data', value: reader.bytes() }
        break
      default:
        reader.skip(type, number)
    }
  }
  return { input }
}

export type Empty = Readonly<Record<string, never>>

export const encodeEmpty: (message: Empty) => Uint8Array = () => new Uint8Array()

/** @throws Error for bytes that are no Empty */
export function decodeEmpty(bytes: Uint8Array): Empty {
  const reader = new BinaryReader(bytes)
  while (reader.pos < reader.len) {
    const [number, type] = reader.tag()
    switch (number * 8 + type) {
      default:
        reader.skip(type, number)
    }
  }
  return {  }
}

export const helloCalls: Readonly<{
  hello: Call<HelloRequest, HelloReply>
}> = {
  hello: {
    path: '/glovebox.inside.v1.Hello/Hello',
    encode: encodeHelloRequest,
    decode: decodeHelloReply,
    streamsIn: false,
    streamsOut: false,
  },
}

export const execCalls: Readonly<{
  /**
   * The first message is `start`; the answer begins with `started`, or the call ends with the error.
   * The program is killed, with its process group, when the call ends before it does.
   */
  exec: Call<ExecInput, ExecOutput>
  /**
   * A signal that does not wait behind stdin which the program does not read. NOT_FOUND when no call of this connection
   * runs a program with that pid.
   */
  signal: Call<SignalRequest, Empty>
}> = {
  exec: {
    path: '/glovebox.inside.v1.Exec/Exec',
    encode: encodeExecInput,
    decode: decodeExecOutput,
    streamsIn: true,
    streamsOut: true,
  },
  signal: {
    path: '/glovebox.inside.v1.Exec/Signal',
    encode: encodeSignalRequest,
    decode: decodeEmpty,
    streamsIn: false,
    streamsOut: false,
  },
}

export const filesCalls: Readonly<{
  stat: Call<FilePath, FileInfo>
  list: Call<FilePath, FileInfo>
  read: Call<ReadRequest, Bytes>
  /** The first message is `start`. A file appears under its name only whole. */
  write: Call<WriteInput, FileInfo>
  makeDirectory: Call<MakeDirectoryRequest, FileInfo>
  remove: Call<RemoveRequest, Empty>
  /**
   * POSIX pax (IEEE Std 1003.1, "pax interchange format") of what `path` names, its own name first. Regular files, directories
   * and symbolic links; anything else is left out and named in the trailing metadata `glovebox-left-out-bin`, as many as fit into 8 KiB (40 at most), then how many more.
   */
  tarOut: Call<FilePath, Bytes>
  /** The first message is `start`, whose directory must exist. Entries that lead out of it, devices, and links that do are refused. */
  tarIn: Call<TarInput, TarResult>
  /** Of a regular file or a directory. */
  change: Call<ChangeRequest, FileInfo>
  rename: Call<RenameRequest, Empty>
  makeLink: Call<MakeLinkRequest, FileInfo>
  /**
   * Writes into a regular file where it stands, at any offset. The first message is `start`; the answer's headers come when
   * the file is open. What came before the end of the call stays, however it ends.
   */
  update: Call<UpdateInput, FileInfo>
}> = {
  stat: {
    path: '/glovebox.inside.v1.Files/Stat',
    encode: encodeFilePath,
    decode: decodeFileInfo,
    streamsIn: false,
    streamsOut: false,
  },
  list: {
    path: '/glovebox.inside.v1.Files/List',
    encode: encodeFilePath,
    decode: decodeFileInfo,
    streamsIn: false,
    streamsOut: true,
  },
  read: {
    path: '/glovebox.inside.v1.Files/Read',
    encode: encodeReadRequest,
    decode: decodeBytes,
    streamsIn: false,
    streamsOut: true,
  },
  write: {
    path: '/glovebox.inside.v1.Files/Write',
    encode: encodeWriteInput,
    decode: decodeFileInfo,
    streamsIn: true,
    streamsOut: false,
  },
  makeDirectory: {
    path: '/glovebox.inside.v1.Files/MakeDirectory',
    encode: encodeMakeDirectoryRequest,
    decode: decodeFileInfo,
    streamsIn: false,
    streamsOut: false,
  },
  remove: {
    path: '/glovebox.inside.v1.Files/Remove',
    encode: encodeRemoveRequest,
    decode: decodeEmpty,
    streamsIn: false,
    streamsOut: false,
  },
  tarOut: {
    path: '/glovebox.inside.v1.Files/TarOut',
    encode: encodeFilePath,
    decode: decodeBytes,
    streamsIn: false,
    streamsOut: true,
  },
  tarIn: {
    path: '/glovebox.inside.v1.Files/TarIn',
    encode: encodeTarInput,
    decode: decodeTarResult,
    streamsIn: true,
    streamsOut: false,
  },
  change: {
    path: '/glovebox.inside.v1.Files/Change',
    encode: encodeChangeRequest,
    decode: decodeFileInfo,
    streamsIn: false,
    streamsOut: false,
  },
  rename: {
    path: '/glovebox.inside.v1.Files/Rename',
    encode: encodeRenameRequest,
    decode: decodeEmpty,
    streamsIn: false,
    streamsOut: false,
  },
  makeLink: {
    path: '/glovebox.inside.v1.Files/MakeLink',
    encode: encodeMakeLinkRequest,
    decode: decodeFileInfo,
    streamsIn: false,
    streamsOut: false,
  },
  update: {
    path: '/glovebox.inside.v1.Files/Update',
    encode: encodeUpdateInput,
    decode: decodeFileInfo,
    streamsIn: true,
    streamsOut: false,
  },
}

export const portsCalls: Readonly<{
  /**
   * The first message is `target`; the answer's headers come when it is connected. An empty `Bytes` says that
   * nothing more comes from what listens, which may still be sent to; a connection that is reset ends the call (UNAVAILABLE).
   */
  connect: Call<ConnectInput, Bytes>
}> = {
  connect: {
    path: '/glovebox.inside.v1.Ports/Connect',
    encode: encodeConnectInput,
    decode: decodeBytes,
    streamsIn: true,
    streamsOut: true,
  },
}

export const egressCalls: Readonly<{
  /**
   * The host offers to take one connection; the first answer is `opened`, when there is one.
   * The host then answers `accepted` or `refused`, and bytes flow.
   */
  accept: Call<EgressInput, EgressOutput>
}> = {
  accept: {
    path: '/glovebox.inside.v1.Egress/Accept',
    encode: encodeEgressInput,
    decode: decodeEgressOutput,
    streamsIn: true,
    streamsOut: true,
  },
}

export const statsCalls: Readonly<{
  read: Call<StatsRequest, StatsReply>
}> = {
  read: {
    path: '/glovebox.inside.v1.Stats/Read',
    encode: encodeStatsRequest,
    decode: decodeStatsReply,
    streamsIn: false,
    streamsOut: false,
  },
}

export const machineCalls: Readonly<{
  setClock: Call<SetClockRequest, Empty>
  /** Credited and mixed in, then the kernel's generator is reseeded (RNDADDENTROPY, RNDRESEEDCRNG). */
  reseed: Call<ReseedRequest, Empty>
  powerOff: Call<Empty, Empty>
}> = {
  setClock: {
    path: '/glovebox.inside.v1.Machine/SetClock',
    encode: encodeSetClockRequest,
    decode: decodeEmpty,
    streamsIn: false,
    streamsOut: false,
  },
  reseed: {
    path: '/glovebox.inside.v1.Machine/Reseed',
    encode: encodeReseedRequest,
    decode: decodeEmpty,
    streamsIn: false,
    streamsOut: false,
  },
  powerOff: {
    path: '/glovebox.inside.v1.Machine/PowerOff',
    encode: encodeEmpty,
    decode: decodeEmpty,
    streamsIn: false,
    streamsOut: false,
  },
}

export const guestCalls: Readonly<{
  /**
   * Makes this machine one of its own before anything of a user's runs in it: the generator's bytes (as Machine.Reseed), the
   * clock, the names. Until it was called since the machine began or was cloned, Start ends with FAILED_PRECONDITION.
   */
  identify: Call<IdentifyRequest, Empty>
  /** Mounts the second drive (erofs, read-only) at /run/glovebox/given. Once; then ALREADY_EXISTS. */
  mountGiven: Call<Empty, Empty>
  /**
   * One sandbox: starts the launcher with this plan. The first message is `start`. The launcher is killed, and the sandbox
   * with it, when the call ends before it does.
   */
  start: Call<GuestInput, GuestOutput>
  /**
   * Takes up the sandbox that a Start has left in the machine by `keep`, from where it stood still: as Start, from its first
   * output on. FAILED_PRECONDITION until Identify was called since, NOT_FOUND where none was left. Nothing needs to be said first.
   */
  resume: Call<GuestInput, GuestOutput>
  /**
   * Lines for a launcher's plan descriptor past whatever is in line for its stdin. NOT_FOUND when no call of any connection
   * runs one with that plan's ID.
   */
  command: Call<GuestCommand, Empty>
  /** Nobody reads an output of that plan's launcher any more: its pipe breaks (pipe(7)). A terminal's goes on. NOT_FOUND as above. */
  closeOutput: Call<GuestCloseOutput, Empty>
  /**
   * The host offers to take one connection that somebody in the machine makes to the Unix socket at `path`, which the first
   * offer for it makes (mode 0600), and which goes with the host's connection. The first message is `path`. The first answer is
   * an empty `Bytes` when somebody has connected; then bytes flow. A later empty `Bytes` says that this direction has ended;
   * one that is reset ends the call (UNAVAILABLE).
   */
  accept: Call<AcceptInput, Bytes>
}> = {
  identify: {
    path: '/glovebox.inside.v1.Guest/Identify',
    encode: encodeIdentifyRequest,
    decode: decodeEmpty,
    streamsIn: false,
    streamsOut: false,
  },
  mountGiven: {
    path: '/glovebox.inside.v1.Guest/MountGiven',
    encode: encodeEmpty,
    decode: decodeEmpty,
    streamsIn: false,
    streamsOut: false,
  },
  start: {
    path: '/glovebox.inside.v1.Guest/Start',
    encode: encodeGuestInput,
    decode: decodeGuestOutput,
    streamsIn: true,
    streamsOut: true,
  },
  resume: {
    path: '/glovebox.inside.v1.Guest/Resume',
    encode: encodeGuestInput,
    decode: decodeGuestOutput,
    streamsIn: true,
    streamsOut: true,
  },
  command: {
    path: '/glovebox.inside.v1.Guest/Command',
    encode: encodeGuestCommand,
    decode: decodeEmpty,
    streamsIn: false,
    streamsOut: false,
  },
  closeOutput: {
    path: '/glovebox.inside.v1.Guest/CloseOutput',
    encode: encodeGuestCloseOutput,
    decode: decodeEmpty,
    streamsIn: false,
    streamsOut: false,
  },
  accept: {
    path: '/glovebox.inside.v1.Guest/Accept',
    encode: encodeAcceptInput,
    decode: decodeBytes,
    streamsIn: true,
    streamsOut: true,
  },
}
