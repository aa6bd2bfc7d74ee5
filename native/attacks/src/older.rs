//! System calls that newer architectures were never given (arm64 among them): each has a newer one that does the same and more.
//! An attack names the old one, and makes it where there is such a call; elsewhere it makes the one that programs there make.

#[cfg(target_arch = "x86_64")]
pub use libc::{
    SYS_chmod, SYS_chown, SYS_creat, SYS_dup2, SYS_link, SYS_mkdir, SYS_mknod, SYS_open, SYS_pause,
    SYS_poll, SYS_readlink, SYS_rename, SYS_rmdir, SYS_symlink, SYS_unlink,
};

#[cfg(not(target_arch = "x86_64"))]
pub use newer::*;

#[cfg(not(target_arch = "x86_64"))]
mod newer {
    #![allow(non_upper_case_globals)] // the names of libc

    use std::os::raw::c_long;

    use libc::AT_FDCWD;

    use crate::sys::{raw, Res};

    /// No number of a call, in whatever half of a register.
    const NONE: c_long = c_long::MIN;

    pub const SYS_chmod: c_long = NONE;
    pub const SYS_chown: c_long = NONE + 1;
    pub const SYS_creat: c_long = NONE + 2;
    pub const SYS_dup2: c_long = NONE + 3;
    pub const SYS_link: c_long = NONE + 4;
    pub const SYS_mkdir: c_long = NONE + 5;
    pub const SYS_mknod: c_long = NONE + 6;
    pub const SYS_open: c_long = NONE + 7;
    pub const SYS_pause: c_long = NONE + 8;
    pub const SYS_poll: c_long = NONE + 9;
    pub const SYS_readlink: c_long = NONE + 10;
    pub const SYS_rename: c_long = NONE + 11;
    pub const SYS_rmdir: c_long = NONE + 12;
    pub const SYS_symlink: c_long = NONE + 13;
    pub const SYS_unlink: c_long = NONE + 14;

    /// `None` for a number that the kernel has.
    pub fn make(number: c_long, [a, b, c, ..]: [c_long; 6]) -> Option<Res> {
        let at = c_long::from(AT_FDCWD);
        let truncate = c_long::from(libc::O_CREAT | libc::O_WRONLY | libc::O_TRUNC);
        Some(match number {
            SYS_chmod => raw(libc::SYS_fchmodat, &[at, a, b]),
            SYS_chown => raw(libc::SYS_fchownat, &[at, a, b, c, 0]),
            SYS_creat => raw(libc::SYS_openat, &[at, a, truncate, b]),
            SYS_dup2 if a == b => {
                raw(libc::SYS_fcntl, &[a, c_long::from(libc::F_GETFD)]).map(|_| a)
            }
            SYS_dup2 => raw(libc::SYS_dup3, &[a, b, 0]),
            SYS_link => raw(libc::SYS_linkat, &[at, a, at, b, 0]),
            SYS_mkdir => raw(libc::SYS_mkdirat, &[at, a, b]),
            SYS_mknod => raw(libc::SYS_mknodat, &[at, a, b, c]),
            SYS_open => raw(libc::SYS_openat, &[at, a, b, c]),
            SYS_pause => raw(libc::SYS_ppoll, &[0, 0, 0, 0, 0]),
            SYS_poll => poll(a, b, c),
            SYS_readlink => raw(libc::SYS_readlinkat, &[at, a, b, c]),
            SYS_rename => raw(libc::SYS_renameat2, &[at, a, at, b, 0]),
            SYS_rmdir => raw(
                libc::SYS_unlinkat,
                &[at, a, c_long::from(libc::AT_REMOVEDIR)],
            ),
            SYS_symlink => raw(libc::SYS_symlinkat, &[a, at, b]),
            SYS_unlink => raw(libc::SYS_unlinkat, &[at, a, 0]),
            _ => return None,
        })
    }

    fn poll(descriptors: c_long, count: c_long, milliseconds: c_long) -> Res {
        // An `int` to the kernel, negative for no end.
        let left = i64::from(milliseconds as i32);
        let mut time = libc::timespec {
            tv_sec: left / 1000,
            tv_nsec: left % 1000 * 1_000_000,
        };
        let until = if left < 0 {
            0
        } else {
            std::ptr::addr_of_mut!(time) as c_long
        };
        raw(libc::SYS_ppoll, &[descriptors, count, until, 0, 0])
    }
}
