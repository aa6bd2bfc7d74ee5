import { join } from 'node:path'
import { isWithin } from '../../policy/paths.ts'
import type { HostFacts } from '../../policy/host-facts.ts'
import { linksIn } from '../../system/links-in.ts'
import type { Places } from '../../system/places.ts'
import { realOrNamed } from '../../system/real-places.ts'

/**
 * What of this machine is Glovebox's own, as `HostFacts` has it. Real paths, so that a link into them is seen, also of what does not
 * exist yet: it would be made there. With what is linked into our directories: dotfiles are often kept elsewhere and linked file by file
 * (GNU Stow), and who could write them there would write our settings.
 */
export function ownFiles({
  config,
  state,
  data,
  cache,
  runtime,
}: Places): Pick<HostFacts, 'own' | 'unseen' | 'staging'> {
  const kept = [config, state, runtime].map(realOrNamed)
  // For sandboxes to run: packages and images. Node runs compiled code from the cache, and machines are booted from it.
  const shown = [data, cache].map(realOrNamed)
  const places = [...kept, ...shown]
  const linked = (directory: string, levels = 1): string[] =>
    linksIn(directory, levels).filter((to) => !places.some((place) => isWithin(to, place)))
  // Profiles are a directory of the settings; of the others we make what is in them ourselves.
  const unseen = [...kept, ...linked(config, 2), ...linked(state), ...linked(runtime)]
  return {
    own: [...unseen, ...shown, ...linked(data), ...linked(cache)],
    unseen,
    staging: [join(data, 'store', 'staging'), join(cache, 'npm'), join(cache, 'pip')].map(realOrNamed),
  }
}
