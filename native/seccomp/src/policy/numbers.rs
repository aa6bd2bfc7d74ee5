//! Numbers that the libc crate does not name yet. They are the same on every architecture
//! (`scripts/syscall.tbl` of the kernel, since 5.1).

use libc::c_long;

pub const FCHMODAT2: c_long = 452;
pub const CACHESTAT: c_long = 451;
pub const MAP_SHADOW_STACK: c_long = 453;
pub const FUTEX_WAKE: c_long = 454;
pub const FUTEX_WAIT: c_long = 455;
pub const FUTEX_REQUEUE: c_long = 456;
pub const LSM_SET_SELF_ATTR: c_long = 460;
pub const OPEN_TREE_ATTR: c_long = 467;
pub const FILE_SETATTR: c_long = 469;

/// Called by the kernel's own trampoline when the host probes function returns (x86-64 only).
#[cfg(target_arch = "x86_64")]
pub const URETPROBE: c_long = 335;

/// `renameat`, `sendfile`, `sync_file_range`, `getrlimit`, `fadvise64`, which every architecture has
/// under a number of its own.
#[cfg(target_arch = "x86_64")]
pub const DIFFER: &[c_long] = &[264, 40, 277, 97, 221];
#[cfg(target_arch = "aarch64")]
pub const DIFFER: &[c_long] = &[38, 71, 84, 163, 223];

#[cfg(target_arch = "x86_64")]
pub const SETRLIMIT: c_long = 160;
#[cfg(target_arch = "aarch64")]
pub const SETRLIMIT: c_long = 164;

#[cfg(all(test, target_arch = "x86_64"))]
mod tests {
    use super::*;
    use libc::{
        SYS_fadvise64, SYS_fchmodat2, SYS_getrlimit, SYS_renameat, SYS_sendfile, SYS_setrlimit,
        SYS_sync_file_range,
    };

    #[test]
    fn numbers_agree_with_those_that_have_names() {
        assert_eq!(
            DIFFER,
            [
                SYS_renameat,
                SYS_sendfile,
                SYS_sync_file_range,
                SYS_getrlimit,
                SYS_fadvise64
            ]
        );
        assert_eq!((FCHMODAT2, SETRLIMIT), (SYS_fchmodat2, SYS_setrlimit));
    }
}
