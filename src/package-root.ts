import { existsSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'

/**
 * The directory of this package: the nearest one above with a manifest. Files that come with the package are found from
 * here, since a module does not know how deep it lies: in a room of src/, or in dist/.
 */
export function packageRoot(): string {
  for (let at = dirname(fileURLToPath(import.meta.url)); ; at = dirname(at)) {
    if (existsSync(join(at, 'package.json'))) return at
    if (at === dirname(at)) throw new Error('glovebox is not inside a package')
  }
}
