import type { ContainerCommand } from '../package-command.ts'

/** Options of `docker run` and `podman run` that take no value (docker-run(1)); every other one is followed by one. */
const flags: ReadonlySet<string> = new Set(
  '-d --detach --disable-content-trust --help --init -i --interactive --no-healthcheck --oom-kill-disable --privileged -P --publish-all -q --quiet --read-only --rm --sig-proxy -t --tty --replace --tls-verify'.split(
    ' ',
  ),
)

/** `docker run … IMAGE …` and `podman run … IMAGE …`; the options are not judged here. */
export function recogniseContainer(program: string, words: readonly string[]): ContainerCommand | undefined {
  const run = words.indexOf('run')
  if (run < 0 || !/^(container )?run$/.test(words.slice(0, run + 1).join(' '))) return undefined
  for (let at = run + 1; at < words.length; at++) {
    const word = words[at] ?? ''
    if (word === '--') return container(program, words[at + 1])
    if (!word.startsWith('-')) return container(program, word)
    if (!flags.has(word) && !word.includes('=') && !isCluster(word)) at++
  }
  return undefined
}

function container(program: string, image: string | undefined): ContainerCommand | undefined {
  return image === undefined ? undefined : { kind: 'image', runner: `${program} run`, image }
}

/** `-it`, `-id`: flags of one letter in one word. */
function isCluster(word: string): boolean {
  return /^-[dijtPq]{2,}$/.test(word)
}
