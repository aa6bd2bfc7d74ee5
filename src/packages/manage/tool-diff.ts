import { canonicalJson } from '../canonical.ts'

/** What a server says of itself: its tools as they came, and its instructions. All of it is a stranger's text. */
export interface Announced {
  readonly tools: readonly AnnouncedTool[]
  readonly instructions: string
}

export interface AnnouncedTool {
  readonly name: string
  /** Everything else that is said of it: `description`, `inputSchema`, `annotations`, … */
  readonly about: Readonly<Record<string, unknown>>
}

/** What an update changes of what a client is told. */
export interface ToolDiff {
  readonly added: readonly AnnouncedTool[]
  readonly removed: readonly string[]
  readonly changed: readonly { readonly name: string; readonly fields: readonly ChangedField[] }[]
  readonly instructions: ChangedField | undefined
}

/** Both as text; empty where it is absent. */
export interface ChangedField {
  readonly field: string
  readonly from: string
  readonly to: string
}

/** How the tools of one server would change; `why` when that could not be found out. */
export type ToolsCompared =
  | { readonly server: string; readonly compared: true; readonly diff: ToolDiff }
  | { readonly server: string; readonly compared: false; readonly why: string }

export function diffTools(before: Announced, after: Announced): ToolDiff {
  const [old, now] = [byName(before), byName(after)]
  const both = after.tools.filter(({ name }) => old.has(name))
  return {
    added: after.tools.filter(({ name }) => !old.has(name)),
    removed: before.tools.flatMap(({ name }) => (now.has(name) ? [] : [name])),
    changed: both
      .map(({ name, about }) => ({ name, fields: changedFields(old.get(name)?.about ?? {}, about) }))
      .filter(({ fields }) => fields.length > 0),
    instructions:
      before.instructions === after.instructions
        ? undefined
        : { field: 'instructions', from: before.instructions, to: after.instructions },
  }
}

export function saysTheSame({ added, removed, changed, instructions }: ToolDiff): boolean {
  return added.length + removed.length + changed.length === 0 && instructions === undefined
}

function byName({ tools }: Announced): Map<string, AnnouncedTool> {
  return new Map(tools.map((tool) => [tool.name, tool]))
}

/** The order of keys means nothing in JSON, and a server may change it from start to start. */
function changedFields(before: AnnouncedTool['about'], after: AnnouncedTool['about']): ChangedField[] {
  return [...new Set([...Object.keys(before), ...Object.keys(after)])]
    .toSorted()
    .map((field) => ({ field, from: textOf(before[field]), to: textOf(after[field]) }))
    .filter(({ from, to }) => from !== to)
}

/** A text as it is, anything else as sorted JSON, a line for each member. */
export function textOf(value: unknown): string {
  if (value === undefined) return ''
  return typeof value === 'string' ? value : JSON.stringify(JSON.parse(canonicalJson(value)), null, 2)
}
