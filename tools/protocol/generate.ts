import type { Enum, Field, Message, Oneof, ProtoFile, Service } from './parse.ts'

/**
 * TypeScript for a protocol file: an interface, `encode…` and `decode…` for each message, and the calls with their paths.
 * What is read is taken for hostile: bounds are checked by the library's reader, lists are capped, numbers that a
 * JavaScript number cannot hold are an error. A field that is there twice counts as the last one.
 */
export function generate(file: ProtoFile, source: string): string {
  const known = new Map<string, 'message' | 'enum'>([
    ...file.messages.map(({ name }) => [name, 'message'] as const),
    ...file.enums.map(({ name }) => [name, 'enum'] as const),
  ])
  return [
    `// Made from ${source} by \`npm run build:protocol\`: do not edit.`,
    "import { BinaryReader, BinaryWriter, WireType } from '@bufbuild/protobuf/wire'",
    "import { addTo, asNumber, type Call } from './codec.ts'",
    '',
    ...file.enums.map(enumeration),
    ...file.messages.map((message) => messageText(message, known)),
    ...file.services.map((service) => serviceText(service, file.package)),
  ].join('\n')
}

function enumeration({ name, values }: Enum): string {
  const prefix = `${name.replaceAll(/(?<=[a-z])(?=[A-Z])/g, '_').toUpperCase()}_`
  const words = values.map((value) => ({ word: camel(value.name.replace(prefix, '').toLowerCase()), ...value }))
  const union = words.map(({ word }) => `'${word}'`).join(' | ')
  return `export type ${name} = ${union}

/** A number that this version has no name for is \`${words[0]?.word}\`. */
export function decode${name}(value: number): ${name} {
  switch (value) {
${words
  .slice(1)
  .map(({ word, number }) => `    case ${number}:\n      return '${word}'\n`)
  .join('')}    default:
      return '${words[0]?.word}'
  }
}

export function encode${name}(value: ${name}): number {
  switch (value) {
${words.map(({ word, number }) => `    case '${word}':\n      return ${number}\n`).join('')}  }
}
`
}

type Known = ReadonlyMap<string, 'message' | 'enum'>

function messageText(message: Message, known: Known): string {
  const { name, comment, fields, oneofs } = message
  const lines = fields.map(
    (field) => `${doc(field.comment, '  ')}  readonly ${camel(field.name)}: ${typeOf(field, known)}\n`,
  )
  const choices = oneofs.map((oneof) => `  readonly ${camel(oneof.name)}: ${choiceType(oneof)}\n`)
  const empty = fields.length + oneofs.length === 0
  return `${doc(comment, '')}${
    empty
      ? `export type ${name} = Readonly<Record<string, never>>\n`
      : `export interface ${name} {\n${[...lines, ...choices].join('')}}\n`
  }
${
  empty
    ? `export const encode${name}: (message: ${name}) => Uint8Array = () => new Uint8Array()\n`
    : `export function encode${name}(message: ${name}): Uint8Array {
  const writer = new BinaryWriter()
${fields.map((field) => encodeField(field, known)).join('')}${oneofs.map((oneof) => encodeChoice(oneof, known)).join('')}  return writer.finish()
}\n`
}
/** @throws Error for bytes that are no ${name} */
export function decode${name}(bytes: Uint8Array): ${name} {
  const reader = new BinaryReader(bytes)
${fields.map((field) => `  ${keyword(field)} ${local(field.name)}: ${mutable(field, known)} = ${initial(field, known)}\n`).join('')}${oneofs
    .map((oneof) => `  let ${local(oneof.name)}: ${name}['${camel(oneof.name)}']\n`)
    .join('')}  while (reader.pos < reader.len) {
    const [number, type] = reader.tag()
    switch (number * 8 + type) {
${fields.map((field) => decodeField(field, known)).join('')}${oneofs.map((oneof) => decodeChoice(oneof, known)).join('')}      default:
        reader.skip(type, number)
    }
  }
  return { ${[...fields, ...oneofs].map((each) => (local(each.name) === camel(each.name) ? camel(each.name) : `${camel(each.name)}: ${local(each.name)}`)).join(', ')} }
}
`
}

/** A field's name must not meet those of the decoder's own variables. */
function local(name: string): string {
  const own = camel(name)
  return ['bytes', 'reader', 'number', 'type'].includes(own) ? `${own}Field` : own
}

function choiceType({ fields }: Oneof): string {
  const cases = fields.map((field) => {
    const about = field.comment.length === 0 ? '' : `\n${doc(field.comment, '    ')}`
    return `${about === '' ? '\n' : about}    | { readonly case: '${camel(field.name)}'; readonly value: ${plainType(field.type)} }`
  })
  return `${cases.join('')}\n    | undefined`
}

function encodeChoice({ name, fields }: Oneof, known: Known): string {
  const cases = fields.map(
    (field) =>
      `    case '${camel(field.name)}':\n      writer.${tag(field, known)}.${write(field, `message.${camel(name)}.value`, known)}\n      break\n`,
  )
  return `  switch (message.${camel(name)}?.case) {\n${cases.join('')}    case undefined:\n      break\n  }\n`
}

function decodeChoice({ name, fields }: Oneof, known: Known): string {
  return fields
    .map(
      (field) =>
        `      case ${field.number * 8 + wireOf(field, known)}:\n        ${local(name)} = { case: '${camel(field.name)}', value: ${read(field, known)} }\n        break\n`,
    )
    .join('')
}

function encodeField(field: Field, known: Known): string {
  const value = `message.${camel(field.name)}`
  if (field.label === 'repeated') {
    // Numbers one by one: readers take both forms (encoding specification, "Packed Repeated Fields").
    return `  for (const item of ${value}) writer.${tag(field, known)}.${write(field, 'item', known)}\n`
  }
  const line = `writer.${tag(field, known)}.${write(field, value, known)}\n`
  const absent = field.label === 'optional' || known.get(field.type) === 'message'
  return absent ? `  if (${value} !== undefined) ${line}` : `  if (${isSet(field, value, known)}) ${line}`
}

function isSet(field: Field, value: string, known: Known): string {
  if (field.type === 'bool') return value
  if (field.type === 'string') return `${value} !== ''`
  if (field.type === 'bytes') return `${value}.length > 0`
  if (known.has(field.type)) return `encode${field.type}(${value}) !== 0`
  return `${value} !== ${isBig(field) ? '0n' : '0'}`
}

function decodeField(field: Field, known: Known): string {
  const wire = wireOf(field, known)
  const target = local(field.name)
  const one = `      case ${field.number * 8 + wire}:\n        ${
    field.label === 'repeated' ? `addTo(${target}, ${read(field, known)})` : `${target} = ${read(field, known)}`
  }\n        break\n`
  if (field.label !== 'repeated' || wire === 2) return one
  return `${one}      case ${field.number * 8 + 2}:
        for (const end = reader.uint32() + reader.pos; reader.pos < end; ) addTo(${target}, ${read(field, known)})
        break\n`
}

function tag(field: Field, known: Known): string {
  return `tag(${field.number}, ${wireNames[wireOf(field, known)]})`
}

const wireNames: Readonly<Record<number, string>> = {
  0: 'WireType.Varint',
  2: 'WireType.LengthDelimited',
  5: 'WireType.Bit32',
}

function wireOf({ type }: Field, known: Known): number {
  if (type === 'float') return 5
  if (type === 'string' || type === 'bytes' || known.get(type) === 'message') return 2
  return 0
}

function write(field: Field, value: string, known: Known): string {
  if (known.get(field.type) === 'message') return `bytes(encode${field.type}(${value}))`
  if (known.get(field.type) === 'enum') return `int32(encode${field.type}(${value}))`
  return `${scalar(field.type)}(${value})`
}

function read(field: Field, known: Known): string {
  if (known.get(field.type) === 'message') return `decode${field.type}(reader.bytes())`
  if (known.get(field.type) === 'enum') return `decode${field.type}(reader.int32())`
  if (field.type === 'string') return 'reader.string(true)'
  if (isBig(field)) return `BigInt(reader.${field.type}())`
  return field.type.endsWith('64') ? `asNumber(reader.${field.type}())` : `reader.${scalar(field.type)}()`
}

const scalars: ReadonlySet<string> = new Set(['uint32', 'int32', 'uint64', 'int64', 'bool', 'string', 'bytes', 'float'])

function scalar(type: string): string {
  if (!scalars.has(type)) throw new Error(`the type ${type} is not known here`)
  return type
}

/** A message may be absent; an enum has a word for that, and the rest its zero. */
function typeOf(field: Field, known: Known): string {
  const plain = isBig(field) ? 'bigint' : plainType(field.type)
  if (field.label === 'repeated') return `readonly ${plain}[]`
  return field.label === 'optional' || known.get(field.type) === 'message' ? `${plain} | undefined` : plain
}

/** A list is filled, not replaced. */
function keyword({ label }: Field): string {
  return label === 'repeated' ? 'const' : 'let'
}

function mutable(field: Field, known: Known): string {
  return typeOf(field, known).replace('readonly ', '')
}

function initial(field: Field, known: Known): string {
  if (field.label === 'repeated') return '[]'
  if (typeOf(field, known).endsWith('undefined')) return 'undefined'
  if (field.type === 'bool') return 'false'
  if (field.type === 'string') return "''"
  if (field.type === 'bytes') return 'new Uint8Array()'
  if (known.get(field.type) === 'enum') return `decode${field.type}(0)`
  return isBig(field) ? '0n' : '0'
}

/** Nanoseconds since 1970 are more than 2^53. */
function isBig({ name, type }: Field): boolean {
  return type.endsWith('64') && name.endsWith('_ns')
}

function plainType(type: string): string {
  if (type === 'bytes') return 'Uint8Array'
  if (type === 'string') return 'string'
  if (type === 'bool') return 'boolean'
  return scalars.has(type) ? 'number' : type
}

function serviceText({ name, calls }: Service, packageName: string): string {
  const entries = calls.map(
    (call) => `${doc(call.comment, '  ')}  ${lowerFirst(call.name)}: Call<${call.input}, ${call.output}>\n`,
  )
  const values = calls.map(
    (call) => `  ${lowerFirst(call.name)}: {
    path: '/${packageName}.${name}/${call.name}',
    encode: encode${call.input},
    decode: decode${call.output},
    streamsIn: ${call.streamsIn},
    streamsOut: ${call.streamsOut},
  },\n`,
  )
  return `export const ${lowerFirst(name)}Calls: Readonly<{\n${entries.join('')}}> = {\n${values.join('')}}\n`
}

function doc(comment: readonly string[], indent: string): string {
  if (comment.length === 0) return ''
  if (comment.length === 1) return `${indent}/** ${comment[0]} */\n`
  return `${indent}/**\n${comment.map((line) => `${indent} * ${line}\n`).join('')}${indent} */\n`
}

function camel(name: string): string {
  return name.replaceAll(/_([a-z0-9])/g, (_, letter: string) => letter.toUpperCase())
}

function lowerFirst(name: string): string {
  return name.slice(0, 1).toLowerCase() + name.slice(1)
}
