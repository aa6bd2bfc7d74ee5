/** The part of the linter's plugin interface that the house rules use (the ESTree shapes, as far as they read them). */
export interface Node {
  readonly type: string
  readonly [key: string]: unknown
}

export interface RuleContext {
  /** Absolute path of the file. */
  readonly filename: string
  /** Where the linter was started: the root of the project, or of a fixture. */
  readonly cwd: string
  readonly report: (finding: { readonly node: Node; readonly message: string }) => void
}

export type Visitor = Readonly<Record<string, (node: Node) => void>>

export interface Rule {
  readonly meta: { readonly type: 'problem'; readonly docs: { readonly description: string } }
  readonly create: (context: RuleContext) => Visitor
}

/** The value of a string literal or of a template without holes. */
export function stringOf(node: unknown): string | undefined {
  if (!isNode(node)) return undefined
  if (node.type === 'Literal' && typeof node['value'] === 'string') return node['value']
  if (node.type !== 'TemplateLiteral' || (node['expressions'] as unknown[]).length > 0) return undefined
  const [quasi] = node['quasis'] as { readonly value: { readonly cooked: string | null } }[]
  return quasi?.value.cooked ?? undefined
}

export function isNode(value: unknown): value is Node {
  return typeof value === 'object' && value !== null && typeof (value as { type?: unknown }).type === 'string'
}
