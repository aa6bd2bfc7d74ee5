import { GloveboxError } from '../../errors.ts'
import type { Entry, PackageCommand } from '../package-command.ts'
import { pythonRequest } from './python-request.ts'
import { parseRequirement, renderRequirement } from '../pypi/requirement.ts'
import { flag, ignore, ignoreValue, readOptions, refuse, value, type Meaning, type Options } from './options.ts'

const otherIndex = refuse('the index is part of what is pinned', "set it in pip's own configuration (pip.conf)")
const notRegistry = refuse('only packages of an index are pinned', 'publish it to an index')

const uvTable: Readonly<Record<string, Meaning>> = {
  ...spelled(ignore, '-q --quiet -v --verbose -n --no-cache --isolated --no-progress --native-tls --no-config'),
  ...spelled(ignore, '--managed-python --no-managed-python --no-python-downloads --offline --refresh --reinstall'),
  ...spelled(ignore, '-U --upgrade --no-project --no-env-file --frozen --no-sync --compile-bytecode'),
  ...spelled(ignoreValue, '--color --cache-dir --link-mode --python-preference'),
  ...spelled(value('with'), '-w --with'),
  ...spelled(value('from'), '--from'),
  ...spelled(value('python'), '-p --python'),
  ...spelled(flag('module'), '-m --module'),
  ...spelled(otherIndex, '-i --index-url --index --default-index --extra-index-url -f --find-links'),
  ...spelled(notRegistry, '--with-editable --with-requirements --directory --project'),
  ...spelled(refuse('variables are given by us', 'write --env-file before the command'), '--env-file'),
  ...spelled(refuse('versions are chosen by release', 'name the version: PACKAGE==VERSION'), '--prerelease'),
}

const pipxTable: Readonly<Record<string, Meaning>> = {
  ...spelled(ignore, '--no-cache --quiet -q --verbose -v'),
  ...spelled(value('from'), '--spec'),
  ...spelled(value('with'), '--with'),
  ...spelled(value('python'), '--python'),
  ...spelled(otherIndex, '-i --index-url --pip-args'),
  ...spelled(notRegistry, '--path --editable'),
}

function spelled(meaning: Meaning, names: string): Record<string, Meaning> {
  return Object.fromEntries(names.split(' ').map((name) => [name, meaning]))
}

/** `uvx`, `uv tool run`, `uv run --with`, `pipx run`, `python -m`; undefined for any other use of these programs. */
export function recognisePython(program: string, words: readonly string[]): PackageCommand | undefined {
  const [first, second] = words
  if (program === 'uvx') return tool('uvx', readOptions('uvx', words, uvTable))
  if (program === 'uv' && first === 'tool' && second === 'run') {
    return tool('uv tool run', readOptions('uv tool run', words.slice(2), uvTable))
  }
  if (program === 'uv' && first === 'run' && words.some((word) => /^(--with|-w)(=|$)/.test(word))) {
    return uvRun(readOptions('uv run', words.slice(1), uvTable))
  }
  if (program === 'pipx' && first === 'run') return tool('pipx run', readOptions('pipx run', words.slice(1), pipxTable))
  if (/^python(3(\.\d+)?)?$/.test(program)) return pythonModule(program, words)
  return undefined
}

/** `uvx [--from PACKAGE] NAME[@VERSION] ARGS`: the name is the package unless another is named. */
function tool(runner: string, { found, ignored, rest }: Options): PackageCommand {
  const [named, ...args] = rest
  if (named === undefined)
    throw new GloveboxError('USAGE', `${runner}: it is not said what to run`, { fix: `write ${runner} PACKAGE` })
  const from = last(found, 'from')
  const main = from ?? named.replace(/^([^@]+)@(?!\s)(.+)$/, (_, name: string, version: string) => pin(name, version))
  return command(runner, found, ignored, main, {
    entry: { kind: 'executable', name: from === undefined ? undefined : named },
    args,
  })
}

/** `name@latest` and `name@1.2` (uv's spelling) as a requirement. */
function pin(name: string, version: string): string {
  return version === 'latest' ? name : `${name}==${version}`
}

function uvRun({ found, ignored, rest }: Options): PackageCommand | undefined {
  const [main] = splitList(found.get('with') ?? [])
  const [named, ...args] = rest
  if (main === undefined || named === undefined) return undefined
  const runner = 'uv run'
  if (found.has('module'))
    return command(runner, found, ignored, main, { entry: { kind: 'module', name: named }, args })
  if (!/^python[\d.]*$/.test(named)) {
    // `uv run --with X script.py` starts the interpreter on the script.
    const isScript = named.endsWith('.py')
    const entry: Entry = isScript ? { kind: 'interpreter' } : { kind: 'executable', name: named }
    return command(runner, found, ignored, main, { entry, args: isScript ? rest : args })
  }
  const [option, module, ...more] = args
  return option === '-m' && module !== undefined
    ? command(runner, found, ignored, main, { entry: { kind: 'module', name: module }, args: more })
    : command(runner, found, ignored, main, { entry: { kind: 'interpreter' }, args })
}

function command(
  runner: string,
  found: Options['found'],
  ignored: readonly string[],
  main: string,
  { entry, args }: { entry: Entry; args: readonly string[] },
): PackageCommand {
  const asked = last(found, 'python')
  const python = asked === undefined ? undefined : pythonRequest(runner, asked)
  const all = [main, ...splitList(found.get('with') ?? []).filter((text) => text !== main)]
  const packages = all.map((text) => renderRequirement(parseRequirement(text)))
  return {
    kind: 'package',
    runner,
    request: { ecosystem: 'pypi', packages, ...(python !== undefined && { python }) },
    entry,
    args,
    ignored: ignored.filter((name) => ['-U', '--upgrade', '--refresh', '--reinstall'].includes(name)),
  }
}

/** `python -m some_module`: the package of that name, when it was installed by us under it. */
function pythonModule(program: string, words: readonly string[]): PackageCommand | undefined {
  const [option, module, ...args] = words
  if (option !== '-m' || module === undefined || !/^[A-Za-z_]\w*(\.\w+)*$/.test(module)) return undefined
  const name = (module.split('.')[0] ?? module).toLowerCase().replaceAll('_', '-')
  // The name of a package begins and ends with a letter or digit (PEP 508): `_` would come out as an option.
  if (!/^[a-z0-9](?:.*[a-z0-9])?$/.test(name)) return undefined
  return {
    kind: 'package',
    runner: `${program} -m`,
    request: { ecosystem: 'pypi', packages: [name] },
    entry: { kind: 'module', name: module },
    args,
    onlyPinned: true,
    ignored: [],
  }
}

function last(found: Options['found'], name: string): string | undefined {
  return found.get(name)?.at(-1)
}

/** `--with a,b` is `--with a --with b`; a comma inside `[…]` or between specifiers is no separator. */
function splitList(values: readonly string[]): string[] {
  return values.flatMap((text) => text.split(/,(?=\s*[A-Za-z])(?![^[]*\])/).map((item) => item.trim()))
}
