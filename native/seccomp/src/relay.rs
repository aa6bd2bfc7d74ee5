//! What the relay may call: an allowlist of its own. It is outside, where the host's files and processes are, so it may
//! open no file, start nothing, signal nobody; sockets are what it is for.

use std::collections::BTreeMap;

use libc::*;

use crate::agent::never_executable;
use crate::rule::{on, Rule};

/// Everything else. An errno rather than death: a C library that tries something new goes on without it.
pub const UNKNOWN: Rule = Rule::Errno(EPERM);

pub fn table() -> BTreeMap<u32, Rule> {
    let mut table = BTreeMap::new();
    for group in [BYTES, LOOP, SOCKETS, MEMORY, CLOCKS, SELF] {
        for number in group {
            table.insert(*number as u32, Rule::Allow);
        }
    }
    #[cfg(target_arch = "x86_64")]
    table.insert(SYS_epoll_wait as u32, Rule::Allow);
    table.insert(SYS_mmap as u32, never_executable(2));
    table.insert(SYS_mprotect as u32, never_executable(2));
    table.insert(SYS_socket as u32, socket());
    table.insert(SYS_fcntl as u32, fcntl());
    table
}

/// The link to the host, and bytes from socket to pipe to socket. `writev` is a panic's last word.
const BYTES: &[c_long] = &[SYS_read, SYS_write, SYS_writev, SYS_splice, SYS_pipe2, SYS_close];

const LOOP: &[c_long] = &[SYS_epoll_ctl, SYS_epoll_pwait, SYS_epoll_pwait2];

/// Accept what programs open, connect where the host says, ask both how it went. No `bind` and no `listen`: nobody
/// outside connects to it. Messages for datagrams inside, which have two addresses; the one to whom descriptors could be
/// passed by them is the host.
const SOCKETS: &[c_long] = &[
    SYS_accept4, SYS_connect, SYS_getsockname, SYS_getpeername, SYS_getsockopt, SYS_setsockopt, SYS_shutdown,
    SYS_recvfrom, SYS_sendto, SYS_recvmsg, SYS_sendmsg,
];

/// malloc, and the locks of a program with one thread.
const MEMORY: &[c_long] = &[SYS_brk, SYS_munmap, SYS_mremap, SYS_madvise, SYS_futex];

/// Where they are not read without a call.
const CLOCKS: &[c_long] = &[SYS_clock_gettime];

/// Its end, and a panic's way there.
const SELF: &[c_long] = &[
    SYS_exit, SYS_exit_group, SYS_getpid, SYS_gettid, SYS_rt_sigprocmask, SYS_rt_sigaction, SYS_rt_sigreturn,
    SYS_sigaltstack, SYS_restart_syscall,
];

/// TCP to the outside, and the host's Unix socket. No datagrams: what is asked of the resolver is asked by the host.
fn socket() -> Rule {
    let stream = on(1)
        .mask(0xf)
        .case([SOCK_STREAM as u32], protocol())
        .otherwise(Rule::Errno(EACCES));
    on(0)
        .case([AF_UNIX as u32, AF_INET as u32, AF_INET6 as u32], stream)
        .otherwise(Rule::Errno(EAFNOSUPPORT))
}

fn protocol() -> Rule {
    on(2)
        .case([0, IPPROTO_TCP as u32], Rule::Allow)
        .otherwise(Rule::Errno(EPROTONOSUPPORT))
}

/// How large a pipe is.
fn fcntl() -> Rule {
    on(1)
        .case([F_SETPIPE_SZ as u32], Rule::Allow)
        .otherwise(Rule::Errno(EPERM))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_opens_nothing_starts_nothing_and_signals_nobody() {
        let table = table();
        for refused in [
            SYS_openat, SYS_openat2, SYS_execve, SYS_execveat, SYS_clone, SYS_clone3, SYS_kill, SYS_tkill, SYS_tgkill,
            SYS_pidfd_send_signal, SYS_pidfd_open, SYS_pidfd_getfd, SYS_ptrace, SYS_process_vm_readv, SYS_process_vm_writev,
            SYS_bind, SYS_listen, SYS_unlinkat, SYS_renameat2, SYS_mkdirat, SYS_mount, SYS_unshare, SYS_setns,
            SYS_bpf, SYS_keyctl, SYS_seccomp, SYS_prctl, SYS_setuid, SYS_io_uring_setup, SYS_prlimit64, SYS_memfd_create,
            SYS_ioctl,
        ] {
            assert!(!table.contains_key(&(refused as u32)), "{refused}");
        }
        #[cfg(target_arch = "x86_64")]
        for refused in [SYS_open, SYS_fork, SYS_vfork, SYS_unlink, SYS_rename] {
            assert!(!table.contains_key(&(refused as u32)), "{refused}");
        }
    }
}
