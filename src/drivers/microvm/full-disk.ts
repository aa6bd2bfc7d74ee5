import { GloveboxError, messageOf } from '../../errors.ts'
import { hasCode } from '../../system/error-code.ts'

export const whatHelpsFullDisk = 'the disk is full: glovebox template purge, or free some of it'

/**
 * What a start says when there is no room for a kernel, an initrd, a drive or a template: all that it writes is made anew by the
 * next one, so there is nothing to mend but the room.
 */
export async function tellingOfFullDisk<T>(work: Promise<T>): Promise<T> {
  try {
    return await work
  } catch (error) {
    if (!hasCode(error, 'ENOSPC', 'EDQUOT')) throw error
    throw new GloveboxError('NOT_STARTED', `the virtual machine could not be made: ${messageOf(error)}`, {
      cause: error,
      fix: whatHelpsFullDisk,
    })
  }
}
