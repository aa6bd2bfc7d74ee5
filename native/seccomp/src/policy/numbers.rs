//! Numbers that the libc crate does not name yet. They are the same on every architecture
//! (`scripts/syscall.tbl` of the kernel, since 5.1).

use libc::c_long;

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
