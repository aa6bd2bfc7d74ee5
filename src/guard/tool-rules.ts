import { GloveboxError } from '../errors.ts'
import { fold } from './json-read.ts'
import { hasHidden } from './names.ts'

/** `tools.allow` and `tools.deny` of the policy: names in which `*` stands for any characters, none included. */
export interface ToolPolicy {
  /** Absent: every tool. Empty: none. */
  readonly allow?: readonly string[] | undefined
  readonly deny?: readonly string[] | undefined
}

export interface ToolVerdict {
  readonly allowed: boolean
  /** For the record: which line of the policy decided. */
  readonly rule: string
}

export interface ToolRules {
  judge(name: string): ToolVerdict
}

/**
 * Deny wins. `allow` compares exactly; `deny` ignores case, compatibility forms, white space and what is invisible, so
 * that a server which is lax about names cannot be talked into a denied tool by another spelling.
 */
export function createToolRules(policy: ToolPolicy, maxNameLength: number): ToolRules {
  const allow = policy.allow?.map((pattern) => ({ pattern, matches: globOf(pattern, 'tools.allow') }))
  const deny = (policy.deny ?? []).map((pattern) => ({ pattern, matches: globOf(fold(pattern), 'tools.deny') }))

  return {
    judge(name) {
      if (name.length > maxNameLength || hasHidden(name)) return { allowed: false, rule: 'tools.name' }
      const folded = deny.length === 0 ? name : fold(name)
      const denied = deny.find((rule) => rule.matches(folded))
      if (denied !== undefined) return { allowed: false, rule: `tools.deny ${denied.pattern}` }
      if (allow === undefined) return { allowed: true, rule: 'tools.default' }
      const allowed = allow.find((rule) => rule.matches(name))
      return allowed === undefined
        ? { allowed: false, rule: 'tools.allow' }
        : { allowed: true, rule: `tools.allow ${allowed.pattern}` }
    },
  }
}

/**
 * The tool of that name, if it has sandboxes of its own. Case, compatibility forms and what is invisible do not count: a server
 * that is lax about names must not be talked into running the tool in the shared sandbox by another spelling.
 */
export function toolIn<Each>(each: Readonly<Record<string, Each>>, name: string): Each | undefined {
  if (Object.hasOwn(each, name)) return each[name]
  const folded = fold(name)
  return Object.entries(each).find(([tool]) => fold(tool) === folded)?.[1]
}

/** Matches in time proportional to the name: each piece between stars at its first place is enough. */
function globOf(pattern: string, where: string): (name: string) => boolean {
  if (pattern === '') {
    throw new GloveboxError('POLICY_INVALID', `${where} has an empty name in it.`, {
      fix: `Remove the empty entry, or write * for every tool.`,
    })
  }
  const [first = '', ...rest] = pattern.split('*')
  const last = rest.pop()
  if (last === undefined) return (name) => name === pattern
  return (name) => {
    if (name.length < first.length + last.length || !name.startsWith(first) || !name.endsWith(last)) return false
    const end = name.length - last.length
    let at = first.length
    for (const piece of rest) {
      const found = name.indexOf(piece, at)
      if (found === -1) return false
      at = found + piece.length
    }
    return at <= end
  }
}
