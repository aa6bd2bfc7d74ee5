import { writeStderr } from '../system/write-stderr.ts'
import { untrustedLog } from '../ui/untrusted.ts'

/** What a server writes for people, for ours: on a terminal without what would steer it. Settles when there is room for more. */
export function passServerStderr(chunk: Buffer, onTaken: () => void): Promise<void> | undefined {
  return writeStderr(process.stderr.isTTY ? Buffer.from(untrustedLog(chunk.toString('utf8'))) : chunk, onTaken)
}
