import { GloveboxError } from '../errors.ts'

/** A verb with its options and the verbs below it. */
export interface DescribedVerb {
  readonly name: string
  readonly summary: string
  readonly options: readonly DescribedOption[]
  /**
   * What else it is given: names of configured servers, of running sandboxes, or one of a few words; `tools`: behind the name of a
   * launched server one of its tools.
   */
  readonly words: readonly ('configured' | 'running' | 'tools' | { readonly choices: readonly string[] })[]
  readonly verbs: readonly DescribedVerb[]
}

export interface DescribedOption {
  readonly long: string
  readonly description: string
  readonly takesValue: boolean
  /** All that it may be, where those are few. */
  readonly values: readonly string[]
}

/**
 * The completion script of a shell: verbs, those below them, their options, what an option may be, names of servers, and files where
 * there is no such name; behind `--` files alone, since all words there are the program's.
 *
 * A name is somebody's text, that of an unknown project too: it is compared and never expanded (`compgen -W` would run what it says).
 * @throws GloveboxError USAGE for a shell that is none of the three
 */
export function completionScript(shell: string, verbs: readonly DescribedVerb[]): string {
  if (shell === 'bash') return bash(verbs)
  if (shell === 'zsh') return `#compdef glovebox gbx\nautoload -U +X bashcompinit && bashcompinit\n${bash(verbs)}`
  if (shell === 'fish') return fish(verbs)
  throw new GloveboxError('USAGE', `"${shell}" is not a shell that glovebox has a completion for`, {
    fix: 'choose bash, zsh or fish',
  })
}

function bash(verbs: readonly DescribedVerb[]): string {
  return `_glovebox() {
  local current="\${COMP_WORDS[COMP_CWORD]}" words="" values="" name found=""
  local verb="\${COMP_WORDS[1]}" below="\${COMP_WORDS[2]:-}" option="\${COMP_WORDS[COMP_CWORD-1]}" word
  for word in "\${COMP_WORDS[@]:1:COMP_CWORD-1}"; do
    if [ "$word" = -- ]; then COMPREPLY=( $(compgen -f -- "$current") ); return; fi
  done
  local -a names=() of=()
  if [ "$COMP_CWORD" -le 2 ]; then below=""; fi
  if [ "$COMP_CWORD" -le 1 ]; then verb=""; fi
  case "$verb $below" in
${verbs.flatMap(casesOf).join('\n')}
  esac
  case "$verb $option" in
${verbs.flatMap(valuesOf).join('\n')}
  esac
  case "$verb" in
${verbs.flatMap(wordsOf).join('\n')}
  esac
  if [ "$COMP_CWORD" -eq 3 ] && [[ "$below" != -* ]]; then
    case "$verb" in
${verbs.flatMap(toolsOf).join('\n')}
    esac
  fi
  if [ -z "$verb" ]; then words="${verbs.map(({ name }) => name).join(' ')} --help --version"; fi
  if [ -n "$values" ]; then
    COMPREPLY=( $(compgen -W "$values" -- "$current") )
  elif [ -z "$verb" ] || [[ "$current" == -* ]]; then
    COMPREPLY=( $(compgen -W "$words" -- "$current") )
  else
    COMPREPLY=( $(compgen -W "$words" -- "$current") )
    for name in "\${names[@]}"; do
      while IFS= read -r word; do
        if [[ "$word" == "$current"* ]]; then COMPREPLY+=("$word"); found=yes; fi
      done < <(command glovebox "$name" \${of[@]+"\${of[@]}"} --names 2>/dev/null)
    done
    if [ -z "$found" ]; then COMPREPLY+=( $(compgen -f -- "$current") ); fi
  fi
}
complete -o filenames -F _glovebox glovebox gbx
`
}

/** Those of a verb below another come first: the pattern of the upper one fits them too. */
function casesOf({ name, options, verbs }: DescribedVerb): string[] {
  const words = (own: Pick<DescribedVerb, 'options'>): string[] => [...own.options.map(({ long }) => long), '--help']
  return [
    ...verbs.map((below) => `    "${name} ${below.name}") words="${words(below).join(' ')}" ;;`),
    `    "${name} "*) words="${[...verbs.map((below) => below.name), ...words({ options })].join(' ')}" ;;`,
  ]
}

function valuesOf({ name, options, verbs }: DescribedVerb): string[] {
  const all = [...options, ...verbs.flatMap((below) => below.options)].filter(({ values }) => values.length > 0)
  const byOption = new Map(all.map(({ long, values }) => [long, values]))
  return [...byOption].map(([long, values]) => `    "${name} ${long}") values="${values.join(' ')}" ;;`)
}

/** The verbs that print such names. */
const printing = { configured: 'list', running: 'status' }

/** Of one that runs already: nothing is started for a word that somebody has half written. */
function toolsOf({ name, words }: DescribedVerb): string[] {
  return words.includes('tools') ? [`      ${name}) names=(tools) of=("$below" --launched) ;;`] : []
}

function wordsOf({ name, words }: DescribedVerb): string[] {
  const names = words.flatMap((word) => (typeof word === 'string' && word !== 'tools' ? [printing[word]] : []))
  const choices = words.flatMap((word) => (typeof word === 'string' ? [] : word.choices))
  return [
    ...(names.length > 0 ? [`    ${name}) names=(${names.join(' ')}) ;;`] : []),
    ...(choices.length > 0 ? [`    ${name}) words="$words ${choices.join(' ')}" ;;`] : []),
  ]
}

function fish(verbs: readonly DescribedVerb[]): string {
  const lines = verbs.flatMap((verb) => [
    `complete -c glovebox -n __fish_use_subcommand -a ${verb.name} -d ${quote(verb.summary)}`,
    ...verb.verbs.map(
      (below) =>
        `complete -c glovebox -n '__fish_seen_subcommand_from ${verb.name}' -a ${below.name} -d ${quote(below.summary)}`,
    ),
    ...verb.words.map((word) => {
      if (word === 'tools') {
        const behindName = `__fish_seen_subcommand_from ${verb.name}; and test (count (commandline -opc)) -eq 3`
        const tools = '(glovebox tools (commandline -opc)[3] --launched --names 2>/dev/null)'
        return `complete -c glovebox -n '${behindName}' -a ${quote(tools)}`
      }
      const of = typeof word === 'string' ? `(glovebox ${printing[word]} --names 2>/dev/null)` : word.choices.join(' ')
      return `complete -c glovebox -n '__fish_seen_subcommand_from ${verb.name}' -a ${quote(of)}`
    }),
    ...verb.options.map(
      ({ long, description, takesValue, values }) =>
        `complete -c glovebox -n '__fish_seen_subcommand_from ${verb.name}' -l ${long.slice(2)}${takesValue ? ' -r' : ''}${values.length > 0 ? ` -f -a ${quote(values.join(' '))}` : ''} -d ${quote(description)}`,
    ),
  ])
  return `${[...lines, 'complete -c gbx -w glovebox'].join('\n')}\n`
}

function quote(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
}
