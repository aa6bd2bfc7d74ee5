/** One archive of packages as this host has it configured (sources.list(5)). */
export interface AptSource {
  readonly uri: string
  readonly suites: readonly string[]
  readonly components: readonly string[]
  readonly signedBy: string | undefined
}

/** The two ways in which they are written, by the name of the file. */
export function parseSources(name: string, text: string): AptSource[] {
  return name.endsWith('.sources') ? text.split(/\n\s*\n/).flatMap(stanza) : text.split('\n').flatMap(line)
}

/** `deb [signed-by=FILE arch=amd64] URI SUITE COMPONENT…` */
function line(text: string): AptSource[] {
  const found = /^\s*deb\s+(?:\[([^\]]*)\]\s*)?(\S+)\s+(\S+)\s*([^#]*)/.exec(text)
  if (found === null) return []
  const [, options = '', uri = '', suite = '', components = ''] = found
  const signedBy = /(?:^|\s)signed-by=(\S+)/i.exec(options)?.[1]
  return [{ uri, suites: [suite], components: words(components), signedBy }]
}

function stanza(text: string): AptSource[] {
  const fields = fieldsOf(text)
  const of = (key: string): string[] => words(fields.get(key) ?? '')
  if (!of('types').includes('deb') || /^(no|false|off|0)$/i.test(fields.get('enabled')?.trim() ?? '')) return []
  const signedBy = fields.get('signed-by')?.trim()
  return of('uris').map((uri) => ({
    uri,
    suites: of('suites'),
    components: of('components'),
    signedBy,
  }))
}

/** Fields by their names in small letters; a line that begins with a space goes on with the one before. */
function fieldsOf(text: string): Map<string, string> {
  const fields = new Map<string, string>()
  let key = ''
  for (const each of text.split('\n')) {
    if (each.startsWith('#')) continue
    const found = /^([\w-]+):(.*)$/.exec(each)
    if (found !== null) key = (found[1] ?? '').toLowerCase()
    fields.set(key, `${fields.get(key) ?? ''}${found === null ? `\n${each}` : (found[2] ?? '')}`)
  }
  return fields
}

function words(text: string): string[] {
  return text.split(/\s+/).filter((word) => word !== '')
}

const debianKeys = /\/debian-archive-[^/]*\.(gpg|asc|pgp)$/

/**
 * Where this host takes Debian from, as lines for a file of its own. Its own release need not be the image's: archives
 * have all of them side by side. Empty where it is not Debian, or has it from nowhere that can be told from others.
 */
export function debianSources(
  found: readonly AptSource[],
  host: { readonly codename: string | undefined },
  suite: string,
): string[] {
  // Third parties call their suites by Debian's names too; they have keys of their own, and Debian's are known by their file.
  const ours = found.filter(({ signedBy, components }) => {
    return components.includes('main') && (signedBy === undefined || debianKeys.test(signedBy))
  })
  return ours.flatMap(({ uri, suites, signedBy }) =>
    suites.flatMap((each) => {
      const as = renamed(each, host.codename, suite)
      const options = signedBy === undefined ? '' : `[signed-by=${signedBy}] `
      return as === undefined ? [] : [`deb ${options}${uri} ${as} main`]
    }),
  )
}

/** `trixie-updates` on a host of that release is `bookworm-updates`; another suite of the host's is nothing to an image. */
function renamed(suite: string, codename: string | undefined, wanted: string): string | undefined {
  for (const tail of ['', '-updates', '-security']) {
    if (suite === `${wanted}${tail}` || (codename !== undefined && suite === `${codename}${tail}`))
      return `${wanted}${tail}`
  }
  return undefined
}
