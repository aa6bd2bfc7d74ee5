//! Every call that a sandbox has no business with, one by one, with arguments that no kernel takes.
//! Only the filter answers EPERM, ENOSYS or death before the arguments are looked at: EFAULT, EINVAL or EBADF
//! mean that the kernel's own code was reached, which is the surface that the filter is there to take away.

use crate::report::{Args, Attack, Outcome, Trace};
use crate::sys;
use crate::sys::Ended;

pub const ATTACKS: &[Attack] = &[("refused-calls", refused_calls)];

const CALLS: &[(&str, i64)] = &[
    ("ptrace", libc::SYS_ptrace),
    ("syslog", libc::SYS_syslog),
    ("mount", libc::SYS_mount),
    ("umount2", libc::SYS_umount2),
    ("pivot_root", libc::SYS_pivot_root),
    ("chroot", libc::SYS_chroot),
    ("acct", libc::SYS_acct),
    ("swapon", libc::SYS_swapon),
    ("swapoff", libc::SYS_swapoff),
    ("reboot", libc::SYS_reboot),
    ("sethostname", libc::SYS_sethostname),
    ("setdomainname", libc::SYS_setdomainname),
    ("init_module", libc::SYS_init_module),
    ("delete_module", libc::SYS_delete_module),
    ("finit_module", libc::SYS_finit_module),
    ("quotactl", libc::SYS_quotactl),
    ("lookup_dcookie", libc::SYS_lookup_dcookie),
    ("nfsservctl", libc::SYS_nfsservctl),
    ("vhangup", libc::SYS_vhangup),
    ("settimeofday", libc::SYS_settimeofday),
    ("clock_settime", libc::SYS_clock_settime),
    ("add_key", libc::SYS_add_key),
    ("request_key", libc::SYS_request_key),
    ("keyctl", libc::SYS_keyctl),
    ("migrate_pages", libc::SYS_migrate_pages),
    ("move_pages", libc::SYS_move_pages),
    ("unshare", libc::SYS_unshare),
    ("setns", libc::SYS_setns),
    ("perf_event_open", libc::SYS_perf_event_open),
    ("fanotify_init", libc::SYS_fanotify_init),
    ("name_to_handle_at", libc::SYS_name_to_handle_at),
    ("open_by_handle_at", libc::SYS_open_by_handle_at),
    ("process_vm_readv", libc::SYS_process_vm_readv),
    ("process_vm_writev", libc::SYS_process_vm_writev),
    ("kcmp", libc::SYS_kcmp),
    ("kexec_load", libc::SYS_kexec_load),
    ("kexec_file_load", libc::SYS_kexec_file_load),
    ("bpf", libc::SYS_bpf),
    ("userfaultfd", libc::SYS_userfaultfd),
    ("io_uring_setup", 425),
    ("io_uring_enter", 426),
    ("io_uring_register", 427),
    ("open_tree", 428),
    ("move_mount", 429),
    ("fsopen", 430),
    ("fsconfig", 431),
    ("fsmount", 432),
    ("fspick", 433),
    ("clone3", 435),
    ("pidfd_getfd", 438),
    ("process_madvise", 440),
    ("mount_setattr", 442),
    ("quotactl_fd", 443),
    ("process_mrelease", 448),
    ("statmount", 457),
    ("listmount", 458),
    ("lsm_get_self_attr", 459),
    ("lsm_set_self_attr", 460),
    ("open_tree_attr", 467),
];

#[cfg(target_arch = "x86_64")]
const OF_ONE: &[(&str, i64)] = &[
    ("iopl", libc::SYS_iopl),
    ("ioperm", libc::SYS_ioperm),
    ("uselib", libc::SYS_uselib),
    ("ustat", libc::SYS_ustat),
    ("sysfs", libc::SYS_sysfs),
    ("_sysctl", 156),
    ("modify_ldt", libc::SYS_modify_ldt),
];

#[cfg(not(target_arch = "x86_64"))]
const OF_ONE: &[(&str, i64)] = &[];

fn refused_calls(_: &Args, trace: &mut Trace) -> Outcome {
    let mut reached = Vec::new();
    for (name, number) in CALLS.iter().chain(OF_ONE) {
        let child = sys::fork_with(|| match sys!(*number, -1, -1, -1, -1, -1, -1) {
            Ok(_) => 0,
            Err(errno) => errno.0.clamp(1, 255),
        });
        let code = match child.and_then(sys::wait_for) {
            Ok(Ended::Code(code)) => code,
            Ok(Ended::Signal(..)) => libc::EPERM,
            Err(errno) => return Outcome::NotTried(errno.to_string()),
        };
        let result = if code == 0 {
            Ok(0i64)
        } else {
            Err(sys::Errno(code))
        };
        let answer = trace.call(*name, result);
        if !matches!(
            answer,
            Err(sys::Errno(libc::EPERM | libc::ENOSYS | libc::EACCES))
        ) {
            reached.push(*name);
        }
    }
    if reached.is_empty() {
        Outcome::Nothing
    } else {
        Outcome::Effect(format!("reached the kernel: {}", reached.join(" ")))
    }
}
