import { basename } from 'node:path'

/** Which built-in profile suits a command, by the name of its program, and for package runners by the package. */
export function chooseProfile(command: readonly string[]): string {
  const [program = '', ...args] = command
  const name = basename(program).replace(/\.(exe|cmd)$/i, '')
  const own = programs.find(([pattern]) => pattern.test(name))?.[1] ?? 'unknown'
  const runsPackages = own === 'node' || own === 'python'
  const named = runsPackages ? args.find((argument) => !argument.startsWith('-')) : undefined
  return packages.find(([pattern]) => named !== undefined && pattern.test(named))?.[1] ?? own
}

const programs: readonly (readonly [RegExp, string])[] = [
  [/^(node|nodejs|npx|npm|pnpm|pnpx|yarn|yarnpkg|bun|bunx|deno|tsx|ts-node)$/, 'node'],
  [/^(python[\d.]*|pypy[\d.]*|uv|uvx|pipx|pip[\d.]*|poetry|pdm|hatch)$/, 'python'],
  [/^(docker|podman|nerdctl)$/, 'docker'],
  [/^git(-[a-z-]+)?$/, 'git'],
  [
    /^(chrom(e|ium)(-browser|-stable)?|google-chrome(-stable)?|firefox(-esr)?|msedge|microsoft-edge(-stable)?)$/,
    'browser',
  ],
]

const packages: readonly (readonly [RegExp, string])[] = [
  [/(^|[/@_-])(playwright|puppeteer|chrome-devtools|browser|selenium)([-_/@.]|$)/i, 'browser'],
  [/(^|[/@_-])git([-_@.]|$)/i, 'git'],
]
