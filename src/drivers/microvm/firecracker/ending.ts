import type { JailedEnd } from '../vmm/jailed.ts'

/** What of Firecracker's own words is kept: the last of them. */
const mostLogBytes = 4096

/** Firecracker's exit codes (FcExitCode in src/vmm/src/lib.rs there), of those that say more than that it failed. */
const meanings: Readonly<Record<number, string>> = {
  148: 'it made a system call that its own filter forbids',
  149: 'a page of its memory could not be read (SIGBUS): the memory file of its template is cut off, or the disk is full',
  150: 'it crashed (SIGSEGV)',
  151: 'a file became larger than its limit (SIGXFSZ)',
  152: 'its configuration was refused',
  153: 'its command line was refused',
  154: 'its processor time was over (SIGXCPU)',
  157: 'it crashed (SIGILL)',
}

/**
 * How a machine ended, for people: whether its guest stopped, or Firecracker failed, or somebody ended it.
 * @param log what Firecracker wrote. Its guest can have a part in it.
 */
export function describeEnd({ exit, words }: JailedEnd, log: string, asked: boolean): string {
  const reason = asked || exit === undefined ? undefined : reasonOf(exit, log)
  // What an ended guest leaves in the log is that it has ended.
  const said = asked || exit?.code === 0 ? [] : [log.trim()]
  return [reason, ...words, ...said].filter((each) => each !== undefined && each !== '').join('\n')
}

/** KVM_EXIT_SHUTDOWN, which Firecracker takes for a failure of its own (src/vmm/src/arch/x86_64/vcpu.rs there). */
const tripleFault = /^.*:fc_vcpu \d+\] Unexpected exit reason on vcpu run: Shutdown$/m

function reasonOf({ code, signal, outOfMemory }: NonNullable<JailedEnd['exit']>, log: string): string {
  if (outOfMemory) return 'Firecracker was ended: it took more memory than its machine may'
  if (code === 0)
    return 'the guest stopped by itself: its kernel panicked, or it was rebooted. Firecracker keeps no console; --vmm qemu does'
  if (code === 1 && tripleFault.test(log))
    return 'the guest stopped by itself: its processor was shut down (a triple fault)'
  if (code === null) return `Firecracker was killed by signal ${signal ?? 'unknown'}`
  return `Firecracker failed: ${meanings[code] ?? 'it did not say why'} (exit code ${code})`
}

export interface Log {
  take(chunk: Buffer): void
  text(): string
}

/** The last of a stream that may have no end. */
export function lastOf(mostBytes: number = mostLogBytes): Log {
  let kept = Buffer.alloc(0)
  return {
    take(chunk) {
      kept = Buffer.concat([kept, chunk.subarray(-mostBytes)]).subarray(-mostBytes)
    },
    text: () => kept.toString('utf8'),
  }
}
