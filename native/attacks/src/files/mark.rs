//! The program that forbidden files are copies of. It tells by its exit code that it ran, and as what.

use super::exec::MARK;
use super::setuid::RAISED;
use crate::sys;

/// A copy whose name begins with `forbidden` ran.
pub const FORBIDDEN: i32 = 44;

pub fn mark() -> i32 {
    let ids = |real, effective| sys!(real).ok() != sys!(effective).ok();
    if ids(libc::SYS_getuid, libc::SYS_geteuid) || ids(libc::SYS_getgid, libc::SYS_getegid) {
        return RAISED;
    }
    let program = std::fs::read_link("/proc/self/exe");
    let forbidden = program.is_ok_and(|path| {
        path.file_name()
            .is_some_and(|name| name.to_string_lossy().starts_with("forbidden"))
    });
    if forbidden {
        FORBIDDEN
    } else {
        MARK
    }
}
