//! The filter in force, in children that try.

mod common;

use common::{confine, errno_under, in_child, End};
use glovebox_seccomp::{Filter, FilterOptions};
use libc::*;

fn plain() -> Filter {
    Filter::compile(&FilterOptions::default())
}

#[test]
fn ordinary_calls_work() {
    let filter = plain();
    for (number, args) in [
        (SYS_getpid, [0; 6]),
        (
            SYS_openat,
            [
                AT_FDCWD as usize,
                b"/dev/null\0".as_ptr() as usize,
                O_RDONLY as usize,
                0o6777,
                0,
                0,
            ],
        ),
        (
            SYS_socket,
            [
                AF_INET as usize,
                (SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK) as usize,
                0,
                0,
                0,
                0,
            ],
        ),
        (
            SYS_socket,
            [
                AF_INET6 as usize,
                SOCK_DGRAM as usize,
                IPPROTO_UDP as usize,
                0,
                0,
                0,
            ],
        ),
        (
            SYS_socket,
            [AF_UNIX as usize, SOCK_SEQPACKET as usize, 0, 0, 0, 0],
        ),
        (
            SYS_socket,
            [
                AF_NETLINK as usize,
                SOCK_RAW as usize,
                NETLINK_ROUTE as usize,
                0,
                0,
                0,
            ],
        ),
        (SYS_personality, [0xffff_ffff, 0, 0, 0, 0, 0]),
        (
            SYS_prctl,
            [
                PR_SET_NAME as usize,
                b"name\0".as_ptr() as usize,
                0,
                0,
                0,
                0,
            ],
        ),
    ] {
        assert_eq!(errno_under(&filter, number, args), 0, "call {number}");
    }
}

#[test]
fn calls_that_leave_the_jail_are_refused() {
    let filter = plain();
    for number in [
        SYS_unshare,
        SYS_setns,
        SYS_chroot,
        SYS_pivot_root,
        SYS_mount,
        SYS_umount2,
        SYS_fsopen,
        SYS_open_tree,
        SYS_move_mount,
        SYS_mount_setattr,
        SYS_ptrace,
        SYS_process_vm_readv,
        SYS_process_vm_writev,
        SYS_pidfd_getfd,
        SYS_bpf,
        SYS_perf_event_open,
        SYS_userfaultfd,
        SYS_keyctl,
        SYS_add_key,
        SYS_request_key,
        SYS_open_by_handle_at,
        SYS_name_to_handle_at,
        SYS_init_module,
        SYS_finit_module,
        SYS_kexec_load,
        SYS_reboot,
        SYS_swapon,
        SYS_settimeofday,
        SYS_clock_settime,
        SYS_adjtimex,
        SYS_acct,
        SYS_quotactl,
        SYS_syslog,
        SYS_vhangup,
        SYS_fanotify_init,
        SYS_kcmp,
        SYS_sync,
    ] {
        assert_eq!(errno_under(&filter, number, [0; 6]), EPERM, "call {number}");
    }
    for number in [
        SYS_clone3,
        SYS_io_uring_setup,
        SYS_io_uring_enter,
        SYS_openat2,
        SYS_io_setup,
        SYS_mq_open,
        1000,
    ] {
        assert_eq!(
            errno_under(&filter, number, [0; 6]),
            ENOSYS,
            "call {number}"
        );
    }
}

#[test]
fn arguments_decide_where_they_must() {
    let filter = plain();
    let child = SIGCHLD as usize;
    let cases = [
        (
            SYS_clone,
            [child | CLONE_NEWUSER as usize, 0, 0, 0, 0, 0],
            EPERM,
        ),
        (
            SYS_clone,
            [child | CLONE_NEWNS as usize | 1 << 63, 0, 0, 0, 0, 0],
            EPERM,
        ),
        (
            SYS_socket,
            [
                AF_INET as usize,
                SOCK_RAW as usize,
                IPPROTO_ICMP as usize,
                0,
                0,
                0,
            ],
            EACCES,
        ),
        (
            SYS_socket,
            [AF_INET as usize, SOCK_STREAM as usize, 262, 0, 0, 0],
            EPROTONOSUPPORT,
        ),
        (
            SYS_socket,
            [AF_INET as usize, SOCK_STREAM as usize, 132, 0, 0, 0],
            EPROTONOSUPPORT,
        ),
        (
            SYS_socket,
            [
                AF_INET as usize,
                SOCK_DGRAM as usize,
                IPPROTO_ICMP as usize,
                0,
                0,
                0,
            ],
            EPROTONOSUPPORT,
        ),
        (
            SYS_socket,
            [AF_UNIX as usize, SOCK_DGRAM as usize, 0, 0, 0, 0],
            EACCES,
        ),
        (
            SYS_socket,
            [AF_UNIX as usize, SOCK_RAW as usize, 0, 0, 0, 0],
            EACCES,
        ),
        (
            SYS_socket,
            [
                AF_NETLINK as usize,
                SOCK_RAW as usize,
                NETLINK_NETFILTER as usize,
                0,
                0,
                0,
            ],
            EPROTONOSUPPORT,
        ),
        (
            SYS_socket,
            [AF_VSOCK as usize, SOCK_STREAM as usize, 0, 0, 0, 0],
            EAFNOSUPPORT,
        ),
        (
            SYS_socket,
            [AF_PACKET as usize, SOCK_RAW as usize, 0, 0, 0, 0],
            EAFNOSUPPORT,
        ),
        (
            SYS_socket,
            [AF_ALG as usize, SOCK_SEQPACKET as usize, 0, 0, 0, 0],
            EAFNOSUPPORT,
        ),
        (SYS_ioctl, [0, TIOCSTI as usize, 0, 0, 0, 0], EPERM),
        (
            SYS_ioctl,
            [0, 1 << 32 | TIOCSTI as usize, 0, 0, 0, 0],
            EPERM,
        ),
        (SYS_ioctl, [0, TIOCLINUX as usize, 0, 0, 0, 0], EPERM),
        (SYS_ioctl, [0, TIOCSETD as usize, 0, 0, 0, 0], ENOTTY),
        (SYS_fchmod, [0, 0o4755, 0, 0, 0, 0], EPERM),
        (SYS_fchmodat, [0, 0, 0o2755, 0, 0, 0], EPERM),
        (
            SYS_openat,
            [
                AT_FDCWD as usize,
                b"/nowhere\0".as_ptr() as usize,
                O_CREAT as usize,
                0o4755,
                0,
                0,
            ],
            EPERM,
        ),
        (
            SYS_mknodat,
            [
                AT_FDCWD as usize,
                b"/tmp\0".as_ptr() as usize,
                S_IFCHR as usize,
                0,
                0,
                0,
            ],
            EPERM,
        ),
        (
            SYS_mknodat,
            [
                AT_FDCWD as usize,
                b"/tmp\0".as_ptr() as usize,
                S_IFIFO as usize,
                0,
                0,
                0,
            ],
            EEXIST,
        ),
        (
            SYS_fcntl,
            [0, F_SETLEASE as usize, F_WRLCK as usize, 0, 0, 0],
            EPERM,
        ),
        (
            SYS_mmap,
            [
                0,
                4096,
                0,
                (MAP_PRIVATE | MAP_ANONYMOUS | MAP_HUGETLB) as usize,
                usize::MAX,
                0,
            ],
            EPERM,
        ),
        (SYS_shmget, [0, 4096, SHM_HUGETLB as usize, 0, 0, 0], EPERM),
        (SYS_ioctl, [0, TIOCEXCL as usize, 0, 0, 0, 0], ENOTTY),
        (SYS_setrlimit, [RLIMIT_CORE as usize, 8, 0, 0, 0, 0], EPERM),
        (SYS_prlimit64, [0, RLIMIT_CORE as usize, 8, 0, 0, 0], EPERM),
        (SYS_prlimit64, [0, RLIMIT_CORE as usize, 0, 0, 0, 0], 0),
        (
            SYS_prlimit64,
            [0, RLIMIT_NOFILE as usize, 8, 0, 0, 0],
            EFAULT,
        ),
        (SYS_prctl, [PR_SET_MM as usize, 0, 0, 0, 0, 0], EINVAL),
        (
            SYS_seccomp,
            [
                SECCOMP_SET_MODE_FILTER as usize,
                SECCOMP_FILTER_FLAG_NEW_LISTENER as usize,
                0,
                0,
                0,
                0,
            ],
            EPERM,
        ),
        (SYS_personality, [0x0040_0000, 0, 0, 0, 0, 0], EPERM),
        (
            SYS_memfd_create,
            [b"m\0".as_ptr() as usize, 0, 0, 0, 0, 0],
            ENOSYS,
        ),
        (SYS_shmget, [0, 4096, IPC_CREAT as usize, 0, 0, 0], ENOSYS),
    ];
    for (number, args, errno) in cases {
        assert_eq!(
            errno_under(&filter, number, args),
            errno,
            "call {number} with {args:x?}"
        );
    }
}

#[test]
fn options_open_and_close_what_they_name() {
    let pinned = Filter::compile(&FilterOptions {
        affinity_pinned: true,
        ..FilterOptions::default()
    });
    assert_eq!(errno_under(&pinned, SYS_sched_setaffinity, [0; 6]), EPERM);
    let accounted = Filter::compile(&FilterOptions {
        memory_accounted: true,
        ..FilterOptions::default()
    });
    assert_eq!(
        errno_under(&accounted, SYS_shmat, [usize::MAX, 0, 0, 0, 0, 0]),
        EINVAL
    );
    assert_eq!(
        errno_under(&accounted, SYS_sched_setaffinity, [0, 0, 0, 0, 0, 0]),
        EINVAL
    );
}

#[test]
#[cfg(target_arch = "x86_64")]
fn x32_calls_end_the_process() {
    let filter = plain();
    let end = in_child(|| match confine(&filter) {
        Ok(_listener) => common::errno_of(0x4000_0000 | SYS_getpid, [0; 6]),
        Err(_) => 255,
    });
    assert_eq!(end, End::Signal(SIGSYS));
}

#[test]
#[cfg(target_arch = "x86_64")]
fn calls_by_the_32_bit_entry_end_the_process() {
    let filter = plain();
    let end = in_child(|| match confine(&filter) {
        Ok(_listener) => {
            let mut result: i64 = 20; // getpid of i386
                                      // SAFETY: the interrupt enters the kernel's 32-bit table; getpid touches no memory.
            unsafe { std::arch::asm!("int 0x80", inout("rax") result) };
            i32::from(result < 0)
        }
        Err(_) => 255,
    });
    assert_eq!(end, End::Signal(SIGSYS));
}

#[test]
fn a_child_without_a_supervisor_gets_no_further() {
    let filter = plain();
    // The listener is closed before the call: nobody can ever answer, and the kernel says so.
    let end = in_child(|| match confine(&filter) {
        Ok(listener) => {
            drop(listener);
            common::errno_of(SYS_connect, [0; 6])
        }
        Err(_) => 255,
    });
    assert_eq!(end, End::Code(ENOSYS));
}

#[test]
fn the_listener_does_not_survive_an_execve() {
    let filter = plain();
    let end = in_child(|| match confine(&filter) {
        Ok(listener) => {
            use std::os::fd::AsRawFd;
            // SAFETY: asks for the flags of a descriptor of ours.
            let flags = unsafe { fcntl(listener.as_raw_fd(), F_GETFD) };
            i32::from(flags & FD_CLOEXEC == 0)
        }
        Err(_) => 255,
    });
    assert_eq!(end, End::Code(0));
}
