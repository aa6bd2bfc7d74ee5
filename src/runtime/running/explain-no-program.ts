import { configuredNames, isOf } from '../../config/explain-missing.ts'
import { GloveboxError } from '../../errors.ts'
import { meansId } from '../../protocol/sandbox-id.ts'
import { places } from '../../system/places.ts'
import { shellWord } from '../../ui/shell-word.ts'
import { listRunning } from './list.ts'

/**
 * What a person meant with `exec WORD …` where no program is called WORD: a running sandbox, or a server that is configured.
 * Returns the error itself where it is neither.
 */
export async function explainNoProgram(
  missing: unknown,
  [name = '', ...more]: readonly string[],
  { cwd, env }: { readonly cwd: string; readonly env: NodeJS.ProcessEnv },
): Promise<unknown> {
  if (!(missing instanceof GloveboxError) || missing.code !== 'NOT_FOUND' || !isOf(missing, name)) return missing
  const command = more.length === 0 ? 'COMMAND' : more.map(shellWord).join(' ')
  if (listRunning(places(env)).some(({ server, id }) => server === name || meansId(name, id))) {
    return new GloveboxError('USAGE', `"${name}" is a running sandbox, and a command in it stands behind two dashes`, {
      fix: `glovebox exec ${shellWord(name)} -- ${command}`,
    })
  }
  const names = await configuredNames(cwd, env).catch((): readonly string[] => [])
  if (!names.includes(name)) return missing
  return new GloveboxError('USAGE', `"${name}" is a configured server, and exec starts programs`, {
    fix: `glovebox run ${name} starts it; glovebox launch ${name}, and then glovebox exec ${name} -- ${command}, runs a command beside it`,
  })
}
