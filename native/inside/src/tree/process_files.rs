//! /proc of the sandbox's own pid namespace, read-only, with a mask over what is about the whole host.

use rustix::io::Errno;
use rustix::mount::MountAttrFlags;

use super::deny::Masks;
use super::{attach as attach_mount, new_file_system, Tree, INERT, STAGE};
use crate::fault::{Fault, Outcome, Step};
use crate::layout::SKELETON;

/// Files that show or steer what is not the sandbox's: kernel memory and addresses, the host user's
/// keys, its kernel log, timers with process names, the SysRq key.
const FILES: [&str; 13] = [
    "kcore",
    "keys",
    "key-users",
    "kmsg",
    "kpagecount",
    "kpageflags",
    "kpagecgroup",
    "kallsyms",
    "timer_list",
    "sched_debug",
    "sysrq-trigger",
    "modules",
    "latency_stats",
];

/// Directories of drivers, which have more files than anyone has looked at.
const DIRECTORIES: [&str; 7] = ["acpi", "asound", "bus", "driver", "fs", "irq", "scsi"];

pub fn attach(tree: &Tree) -> Outcome<()> {
    // Read-only as a whole: no id map, no attribute and nothing of /proc/sys can be written, and
    // programs that try to set such things expect that it may fail.
    // Not with hidepid: it would also hide from us the memory of whatever made itself undumpable.
    let attributes = INERT | MountAttrFlags::MOUNT_ATTR_RDONLY;
    let proc = new_file_system("proc", &[], attributes)?;
    tree.make_directories(&format!("{SKELETON}/proc"))?;
    attach_mount(&proc, &tree.root, "proc").step(STAGE, || "mount /proc".into())?;
    let masks = Masks::new(tree)?;
    for name in FILES {
        cover(&masks.file()?, tree, name)?;
    }
    for name in DIRECTORIES {
        cover(&masks.directory()?, tree, name)?;
    }
    Ok(())
}

fn cover(mask: &std::os::fd::OwnedFd, tree: &Tree, name: &str) -> Outcome<()> {
    match attach_mount(mask, &tree.root, &format!("proc/{name}")) {
        // Which of them exist depends on the kernel's configuration.
        Ok(()) | Err(Errno::NOENT) => Ok(()),
        Err(errno) => Err(Fault::call(STAGE, &format!("mask /proc/{name}"), errno)),
    }
}
