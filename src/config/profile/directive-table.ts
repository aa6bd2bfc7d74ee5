import { directives } from './directives.ts'

/** What each directive means here, as a Markdown table for the documentation. */
export function directiveTable(): string {
  const rows = Object.values(directives).map(({ usage, key, meaning }) => {
    const sets = key === 'always' ? 'nothing: it holds in every sandbox' : `\`${key}\``
    return `| \`${usage}\` | ${sets} | ${meaning} |`
  })
  const include = '| `include NAME` | | the lines of a file of a profile folder, without circles |'
  return ['| directive | sets | meaning |', '|---|---|---|', include, ...rows].join('\n')
}
