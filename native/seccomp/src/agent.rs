//! What the process that serves the channel may call: an allowlist of its own. It has no supervisor, since it may
//! do nothing that would need one: no `execve`, no signals, no `connect`, no new process or thread.

use std::collections::BTreeMap;

use libc::*;

use crate::rule::{on, Rule};

/// Everything else. An errno rather than death: a C library that tries something new goes on without it.
pub const UNKNOWN: Rule = Rule::Errno(EPERM);

pub fn table() -> BTreeMap<u32, Rule> {
    let mut table = BTreeMap::new();
    for group in [STREAMS, LOOP, MEMORY, FILES, SOCKETS, CLOCKS, SELF] {
        for number in group {
            table.insert(*number as u32, Rule::Allow);
        }
    }
    #[cfg(target_arch = "x86_64")]
    for number in OLDER_SPELLINGS {
        table.insert(*number as u32, Rule::Allow);
    }
    table.insert(SYS_mmap as u32, never_executable(2));
    table.insert(SYS_mprotect as u32, never_executable(2));
    table.insert(SYS_socket as u32, socket());
    table.insert(SYS_ioctl as u32, ioctl());
    table
}

/// Pipes, sockets, terminals, files: reading, writing, flags, closing. `memfd_create` for the words of a program.
const STREAMS: &[c_long] = &[
    SYS_read, SYS_write, SYS_readv, SYS_writev, SYS_pread64, SYS_pwrite64, SYS_close, SYS_fcntl, SYS_pipe2, SYS_memfd_create,
    SYS_dup, SYS_dup3, SYS_lseek,
];

/// tokio: one epoll, one eventfd.
const LOOP: &[c_long] = &[SYS_epoll_create1, SYS_epoll_ctl, SYS_epoll_pwait, SYS_eventfd2, SYS_ppoll];

/// malloc, and the locks of a program with one thread.
const MEMORY: &[c_long] = &[SYS_brk, SYS_munmap, SYS_mremap, SYS_madvise, SYS_futex];

/// Files of the sandbox's tree; Landlock and the mounts decide which. `openat` is for directories that are open already
/// and for the terminal; everything that a peer names goes by `openat2`.
const FILES: &[c_long] = &[
    SYS_openat, SYS_openat2, SYS_fstat, SYS_newfstatat, SYS_statx, SYS_getdents64, SYS_readlinkat, SYS_mkdirat, SYS_unlinkat,
    SYS_renameat2, SYS_linkat, SYS_symlinkat, SYS_fchmod, SYS_fchmodat, SYS_utimensat, SYS_ftruncate,
];

/// `sendmsg` hands descriptors to the seed. No `connect`: the seed's child does that under the supervisor's eyes.
const SOCKETS: &[c_long] = &[
    SYS_accept4, SYS_bind, SYS_listen, SYS_shutdown, SYS_getsockname, SYS_getpeername, SYS_sendmsg, SYS_sendto, SYS_recvmsg,
    SYS_recvfrom, SYS_setsockopt, SYS_getsockopt,
];

const CLOCKS: &[c_long] = &[SYS_clock_gettime, SYS_gettimeofday, SYS_clock_nanosleep, SYS_nanosleep];

/// Its end, a panic's way there, and random names.
const SELF: &[c_long] = &[
    SYS_exit, SYS_exit_group, SYS_getpid, SYS_gettid, SYS_getrandom, SYS_rt_sigprocmask, SYS_rt_sigaction, SYS_rt_sigreturn,
    SYS_sigaltstack, SYS_sched_yield, SYS_restart_syscall,
];

#[cfg(target_arch = "x86_64")]
const OLDER_SPELLINGS: &[c_long] = &[SYS_epoll_wait, SYS_poll, SYS_stat, SYS_lstat, SYS_open, SYS_readlink, SYS_unlink];

/// No new code, whatever an attacker has brought it to do.
pub fn never_executable(protection: u8) -> Rule {
    on(protection)
        .mask(PROT_EXEC as u32)
        .case([0], Rule::Allow)
        .otherwise(Rule::Errno(EACCES))
}

/// Ports that are connected for the host, and those that Egress listens on.
fn socket() -> Rule {
    let stream = on(1)
        .mask(0xf)
        .case([SOCK_STREAM as u32], Rule::Allow)
        .otherwise(Rule::Errno(EACCES));
    on(0)
        .case([AF_UNIX as u32, AF_INET as u32, AF_INET6 as u32], stream)
        .otherwise(Rule::Errno(EAFNOSUPPORT))
}

/// Terminals for programs: unlock, open the other end, set the size. FIONBIO is how a socket stops blocking.
fn ioctl() -> Rule {
    const TIOCSPTLCK: u32 = 0x4004_5431;
    const TIOCGPTPEER: u32 = 0x5441;
    on(1)
        .case(
            [TIOCSPTLCK, TIOCGPTPEER, TIOCSWINSZ as u32, TCGETS as u32, FIONBIO as u32],
            Rule::Allow,
        )
        .otherwise(Rule::Errno(ENOTTY))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_can_start_signal_connect_and_trace_nothing() {
        let table = table();
        for refused in [
            SYS_execve, SYS_execveat, SYS_clone, SYS_clone3, SYS_kill, SYS_tkill, SYS_tgkill,
            SYS_pidfd_send_signal, SYS_connect, SYS_ptrace, SYS_process_vm_readv, SYS_process_vm_writev, SYS_pidfd_getfd,
            SYS_pidfd_open, SYS_mount, SYS_umount2, SYS_unshare, SYS_setns, SYS_chroot, SYS_bpf, SYS_keyctl, SYS_seccomp,
            SYS_prctl, SYS_setuid, SYS_io_uring_setup, SYS_userfaultfd, SYS_perf_event_open, SYS_prlimit64,
        ] {
            assert!(!table.contains_key(&(refused as u32)), "{refused}");
        }
        #[cfg(target_arch = "x86_64")]
        for refused in [SYS_fork, SYS_vfork] {
            assert!(!table.contains_key(&(refused as u32)), "{refused}");
        }
    }
}
