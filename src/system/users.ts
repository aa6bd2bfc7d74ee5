import { readFileSync } from 'node:fs'
import { GloveboxError } from '../errors.ts'

/**
 * The user id that a name or a number means, from `/etc/passwd` (passwd(5)); a number is taken as it is.
 * @throws GloveboxError USAGE for a name that is not there
 */
export function userId(nameOrId: string): number {
  if (/^\d{1,10}$/.test(nameOrId)) return Number(nameOrId)
  for (const line of readFileSync('/etc/passwd', 'utf8').split('\n')) {
    const [name, , uid] = line.split(':')
    if (name === nameOrId && uid !== undefined) return Number(uid)
  }
  throw new GloveboxError('USAGE', `--user ${nameOrId}: there is no such user in /etc/passwd`, {
    fix: 'give the name, or the number that `id -u` prints',
  })
}
