//! Calls that are known and refused, whatever their arguments. A number that is in no list of the
//! policy is refused too, with ENOSYS; these are here for the errno that programs understand.

use libc::*;

use super::numbers as newer;
use super::Table;
use crate::rule::Rule;

pub fn add(table: &mut Table) {
    for group in [NAMESPACES, MOUNTS, OTHER_PROCESSES, KERNEL, HANDLES, MACHINE] {
        table.all(group, &Rule::Errno(EPERM));
    }
    table.all(WITH_A_FALLBACK, &Rule::Errno(ENOSYS));
}

/// Leaving or nesting namespaces opens the kernel's privileged surface to the sandbox.
const NAMESPACES: &[c_long] = &[SYS_unshare, SYS_setns, SYS_chroot, SYS_pivot_root];

/// The mount tree is a wall of the jail.
const MOUNTS: &[c_long] = &[
    SYS_mount, SYS_umount2, SYS_open_tree, newer::OPEN_TREE_ATTR, SYS_move_mount, SYS_fsopen, SYS_fsconfig, SYS_fsmount, SYS_fspick,
    SYS_mount_setattr, SYS_quotactl, SYS_quotactl_fd, SYS_swapon, SYS_swapoff, newer::FILE_SETATTR,
];

/// Reaching into another process, or taking its descriptors.
const OTHER_PROCESSES: &[c_long] = &[
    SYS_ptrace, SYS_process_vm_readv, SYS_process_vm_writev, SYS_process_madvise, SYS_process_mrelease, SYS_pidfd_getfd, SYS_kcmp,
    SYS_migrate_pages, SYS_move_pages, SYS_mbind, SYS_set_mempolicy, SYS_set_mempolicy_home_node,
];

/// Programs and keys in the kernel, page faults and events handed to user space: large surfaces
/// with a history, and key rings are not in any namespace that we make.
const KERNEL: &[c_long] = &[
    SYS_bpf, SYS_perf_event_open, SYS_userfaultfd, SYS_add_key, SYS_request_key, SYS_keyctl, SYS_fanotify_init, SYS_fanotify_mark,
    SYS_init_module, SYS_finit_module, SYS_delete_module, SYS_kexec_load, SYS_syslog, newer::LSM_SET_SELF_ATTR,
    SYS_memfd_secret,
];

/// A file handle goes past the tree: it names an inode, in or outside of what is mounted.
const HANDLES: &[c_long] = &[SYS_name_to_handle_at, SYS_open_by_handle_at];

/// The whole machine. `sync` writes out everybody's files, and cannot fail.
const MACHINE: &[c_long] = &[
    SYS_reboot, SYS_acct, SYS_settimeofday, SYS_clock_settime, SYS_adjtimex, SYS_clock_adjtime, SYS_sethostname, SYS_setdomainname,
    SYS_vhangup, SYS_sync,
];

/// Programs that find these missing use something else:
/// - `clone3` hides its flags behind a pointer, which no filter can read; the C library falls back to `clone`;
/// - `openat2` hides the mode of a new file in the same way;
/// - io_uring makes calls that pass by the filter;
/// - asynchronous I/O contexts come out of one pool of the whole machine;
/// - POSIX message queues are kernel memory that no mount shows;
/// - `vmsplice` and `remap_file_pages` are rare and have a history.
const WITH_A_FALLBACK: &[c_long] = &[
    SYS_clone3, SYS_openat2, SYS_io_uring_setup, SYS_io_uring_enter, SYS_io_uring_register,
    SYS_io_setup, SYS_io_destroy, SYS_io_getevents, SYS_io_submit, SYS_io_cancel,
    SYS_mq_open, SYS_mq_unlink, SYS_mq_timedsend, SYS_mq_timedreceive, SYS_mq_notify, SYS_mq_getsetattr,
    SYS_vmsplice, SYS_remap_file_pages,
];
