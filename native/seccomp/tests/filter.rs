//! The filter in force, in children that try: whole calls, and the options.

mod common;

use common::errno_under;
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
