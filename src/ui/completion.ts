import { GloveboxError } from '../errors.ts'

interface Described {
  readonly name: string
  readonly summary: string
  readonly options: readonly { readonly long: string; readonly description: string; readonly takesValue: boolean }[]
  readonly verbs: readonly Described[]
}

/**
 * The completion script of a shell: verbs, then the options of the verb, then files and programs.
 * @throws GloveboxError USAGE for a shell that is none of the three
 */
export function completionScript(shell: string, verbs: readonly Described[]): string {
  if (shell === 'bash') return bash(verbs)
  if (shell === 'zsh') return `#compdef glovebox gbx\nautoload -U +X bashcompinit && bashcompinit\n${bash(verbs)}`
  if (shell === 'fish') return fish(verbs)
  throw new GloveboxError('USAGE', `"${shell}" is not a shell that glovebox has a completion for`, {
    fix: 'choose bash, zsh or fish',
  })
}

function bash(verbs: readonly Described[]): string {
  const cases = verbs.map(({ name, options, verbs: below }) => {
    const words = [...below.map((verb) => verb.name), ...options.map(({ long }) => long), '--help']
    return `    ${name}) words="${words.join(' ')}" ;;`
  })
  return `_glovebox() {
  local current="\${COMP_WORDS[COMP_CWORD]}" words=""
  case "\${COMP_WORDS[1]}" in
${cases.join('\n')}
  esac
  if [ "$COMP_CWORD" -eq 1 ]; then words="${verbs.map(({ name }) => name).join(' ')} --help --version"; fi
  if [ "$COMP_CWORD" -eq 1 ] || [[ "$current" == -* ]]; then
    COMPREPLY=( $(compgen -W "$words" -- "$current") )
  else
    COMPREPLY=( $(compgen -W "$words" -- "$current") $(compgen -f -- "$current") )
  fi
}
complete -o filenames -F _glovebox glovebox gbx
`
}

function fish(verbs: readonly Described[]): string {
  const lines = verbs.flatMap((verb) => [
    `complete -c glovebox -n __fish_use_subcommand -a ${verb.name} -d ${quote(verb.summary)}`,
    ...verb.verbs.map(
      (below) =>
        `complete -c glovebox -n '__fish_seen_subcommand_from ${verb.name}' -a ${below.name} -d ${quote(below.summary)}`,
    ),
    ...verb.options.map(
      ({ long, description, takesValue }) =>
        `complete -c glovebox -n '__fish_seen_subcommand_from ${verb.name}' -l ${long.slice(2)}${takesValue ? ' -r' : ''} -d ${quote(description)}`,
    ),
  ])
  return `${[...lines, 'complete -c gbx -w glovebox'].join('\n')}\n`
}

function quote(text: string): string {
  return `'${text.replaceAll('\\', '\\\\').replaceAll("'", "\\'")}'`
}
