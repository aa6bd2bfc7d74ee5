//! Calls that are fine with some arguments and not with others.

mod common;

use common::errno_under;
use glovebox_seccomp::{Filter, FilterOptions};
use libc::*;

/// Each call with these arguments, and the errno that it gets.
fn check(cases: &[(c_long, [usize; 6], i32)]) {
    let filter = Filter::compile(&FilterOptions::default());
    for &(number, args, errno) in cases {
        assert_eq!(
            errno_under(&filter, number, args),
            errno,
            "call {number} with {args:x?}"
        );
    }
}

#[test]
fn what_a_file_becomes_or_a_terminal_is_told_is_decided_by_the_arguments() {
    check(&[
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
        (SYS_ioctl, [0, TIOCEXCL as usize, 0, 0, 0, 0], ENOTTY),
    ]);
}

#[test]
fn what_a_process_becomes_is_decided_by_the_arguments() {
    let child = SIGCHLD as usize;
    check(&[
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
    ]);
}
