import { readFileSync } from 'node:fs'
import path from 'node:path'
import { root } from '../checks.ts'
import { generate } from './generate.ts'
import { parseProto } from './parse.ts'

/** The protocol with the inside, and the types that are made from it and committed. */
export const source = 'native/wire/proto/glovebox/inside/v1/inside.proto'
export const target = 'src/protocol/inside/v1.ts'

export function protocolText(): string {
  return generate(parseProto(readFileSync(path.join(root, source), 'utf8')), source)
}
