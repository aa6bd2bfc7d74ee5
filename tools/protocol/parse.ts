/**
 * Reads the part of the Protocol Buffers language (proto3) that `native/wire/proto` is written in.
 * Anything else is an error, so that nothing is ever left out of the types in silence.
 */
export interface ProtoFile {
  readonly package: string
  readonly services: readonly Service[]
  readonly messages: readonly Message[]
  readonly enums: readonly Enum[]
}

export interface Service {
  readonly name: string
  readonly calls: readonly Call[]
}

export interface Call {
  readonly name: string
  readonly comment: readonly string[]
  readonly input: string
  readonly output: string
  readonly streamsIn: boolean
  readonly streamsOut: boolean
}

export interface Message {
  readonly name: string
  readonly comment: readonly string[]
  readonly fields: readonly Field[]
  readonly oneofs: readonly Oneof[]
}

export interface Oneof {
  readonly name: string
  readonly fields: readonly Field[]
}

export interface Field {
  readonly name: string
  readonly comment: readonly string[]
  readonly type: string
  readonly number: number
  readonly label: 'one' | 'optional' | 'repeated'
}

export interface Enum {
  readonly name: string
  readonly values: readonly { readonly name: string; readonly number: number }[]
}

/** @throws Error naming the line that is not understood */
export function parseProto(text: string): ProtoFile {
  const tokens = tokenize(text)
  let at = 0
  let comment: string[] = []

  const peek = (): Token => tokens[at] ?? { text: '', line: 0, comment: false }
  const fail = (wanted: string): Error => new Error(`line ${peek().line}: "${peek().text}" instead of ${wanted}`)
  const skipComments = (): void => {
    let before = -1
    for (; peek().comment; at++) {
      // A gap ends a comment: what stands above it is about the section.
      if (before >= 0 && peek().line > before + 1) comment = []
      comment.push(peek().text)
      before = peek().line
    }
    if (before >= 0 && peek().line > before + 1) comment = []
  }
  const next = (): string => {
    skipComments()
    return tokens[at++]?.text ?? ''
  }
  const take = (wanted: string): void => {
    skipComments()
    if (peek().text !== wanted) throw fail(`"${wanted}"`)
    at += 1
  }
  const ahead = (): string => {
    skipComments()
    return peek().text
  }
  const word = (): string => {
    if (!/^[A-Za-z_][\w.]*$/.test(ahead())) throw fail('a name')
    return next()
  }
  const number = (): number => {
    if (!/^\d+$/.test(ahead())) throw fail('a number')
    return Number(next())
  }
  const commentHere = (): string[] => {
    skipComments()
    const taken = comment
    comment = []
    return taken
  }

  const field = (): Field => {
    const about = commentHere()
    const first = word()
    const label = first === 'optional' || first === 'repeated' ? first : 'one'
    const type = label === 'one' ? first : word()
    const name = word()
    take('=')
    const id = number()
    take(';')
    return { name, comment: about, type, number: id, label }
  }
  const oneof = (): Oneof => {
    take('oneof')
    const name = word()
    const fields: Field[] = []
    take('{')
    while (ahead() !== '}') fields.push(field())
    take('}')
    return { name, fields }
  }
  const message = (): Message => {
    const about = commentHere()
    take('message')
    const name = word()
    const fields: Field[] = []
    const oneofs: Oneof[] = []
    take('{')
    while (ahead() !== '}') {
      if (ahead() === 'oneof') oneofs.push(oneof())
      else fields.push(field())
    }
    take('}')
    comment = []
    return { name, comment: about, fields, oneofs }
  }
  const call = (): Call => {
    const about = commentHere()
    take('rpc')
    const name = word()
    const [input, streamsIn] = parameter()
    take('returns')
    const [output, streamsOut] = parameter()
    take(';')
    return { name, comment: about, input, output, streamsIn, streamsOut }
  }
  const parameter = (): [string, boolean] => {
    take('(')
    const first = word()
    const stream = first === 'stream'
    const type = stream ? word() : first
    take(')')
    return [type, stream]
  }
  const service = (): Service => {
    take('service')
    const name = word()
    const calls: Call[] = []
    take('{')
    while (ahead() !== '}') calls.push(call())
    take('}')
    comment = []
    return { name, calls }
  }
  const enumeration = (): Enum => {
    take('enum')
    const name = word()
    const values: { name: string; number: number }[] = []
    take('{')
    while (ahead() !== '}') {
      const value = word()
      take('=')
      values.push({ name: value, number: number() })
      take(';')
    }
    take('}')
    comment = []
    return { name, values }
  }

  for (const expected of ['syntax', '=', '"proto3"', ';', 'package']) take(expected)
  comment = []
  const packageName = word()
  take(';')
  const services: Service[] = []
  const messages: Message[] = []
  const enums: Enum[] = []
  for (let kind = ahead(); kind !== ''; kind = ahead()) {
    if (kind === 'service') services.push(service())
    else if (kind === 'message') messages.push(message())
    else if (kind === 'enum') enums.push(enumeration())
    else throw fail('service, message or enum')
  }
  return { package: packageName, services, messages, enums }
}

interface Token {
  readonly text: string
  readonly line: number
  readonly comment: boolean
}

function tokenize(text: string): Token[] {
  return text.split('\n').flatMap((content, index) => {
    const [, code = '', , remark] = /^(.*?)(\/\/ ?(.*))?$/.exec(content) ?? []
    const line = index + 1
    const words = [...code.matchAll(/"[^"]*"|[A-Za-z_][\w.]*|\d+|\S/g)].map(([word]) => ({
      text: word,
      line,
      comment: false,
    }))
    return remark === undefined ? words : [...words, { text: remark, line, comment: true }]
  })
}
