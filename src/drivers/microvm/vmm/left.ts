import { existsSync } from 'node:fs'
import { join } from 'node:path'
import { messageOf } from '../../../errors.ts'
import { openDirectory, withoutDescriptors } from '../../../system/directory.ts'
import { hasCode } from '../../../system/error-code.ts'
import { writeStderr } from '../../../system/write-stderr.ts'
import { shellWord } from '../../../ui/shell-word.ts'
import { untrusted } from '../../../ui/untrusted.ts'

/** A VMM that has been killed may not be gone yet: again where something comes or goes in it still. */
const attempts = 5

/**
 * Removes what a VMM could write to, which may have been taken over: whatever the modes of directories are, which keep their owner out
 * too, and never through a link, also of one that is put there meanwhile. What cannot be removed is told, and keeps nobody from anything:
 * else one such machine would end all later ones.
 */
export function removeLeft(directory: string, name: string): void {
  try {
    removeIn(directory, name)
  } catch (error) {
    const path = join(directory, name)
    // Names in it are the VMM's words.
    const why = untrusted(withoutDescriptors(messageOf(error)))
    const fix = `chmod -R u+rwX ${shellWord(path)}; rm -r ${shellWord(path)}`
    void writeStderr(Buffer.from(`glovebox: what a virtual machine left is not removed (${why}): ${fix}\n`))
  }
}

function removeIn(directory: string, name: string): void {
  if (!existsSync(directory)) return
  const parent = openDirectory(directory)
  try {
    for (let attempt = 1; ; attempt += 1) {
      try {
        return parent.remove(Buffer.from(name))
      } catch (error) {
        if (attempt === attempts || !hasCode(error, 'ENOTEMPTY', 'ENOENT')) throw error
      }
    }
  } finally {
    parent.close()
  }
}
