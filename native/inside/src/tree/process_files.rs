//! /proc of the sandbox's own pid namespace, read-only, with a mask over what is about the whole host.

use std::os::fd::OwnedFd;

use rustix::fs::{accessat, Access, AtFlags};
use rustix::mount::MountAttrFlags;

use super::deny::Masks;
use super::{attach as attach_mount, new_file_system, Tree, INERT, STAGE};
use crate::fault::{Outcome, Step};
use crate::layout::SKELETON;

/// What tells of the whole host and anyone may read: the user's keys, the kernel's addresses. What only
/// root may read (kcore, kmsg, kpage*, timer_list, sysrq-trigger and more) is not the sandbox's to read
/// either: it is never root of the host's, and has no capability there.
const FILES: [&str; 3] = ["keys", "key-users", "kallsyms"];

/// Directories of drivers, which have more files than anyone has looked at.
const DIRECTORIES: [&str; 4] = ["acpi", "asound", "bus", "scsi"];

pub fn attach(tree: &Tree) -> Outcome<()> {
    // Read-only as a whole: no id map, no attribute and nothing of /proc/sys can be written, and
    // programs that try to set such things expect that it may fail.
    // Not with hidepid: it would also hide from us the memory of whatever made itself undumpable.
    let attributes = INERT | MountAttrFlags::MOUNT_ATTR_RDONLY;
    let proc = new_file_system("proc", &[], attributes)?;
    tree.make_directories(&format!("{SKELETON}/proc"))?;
    attach_mount(&proc, &tree.root, "proc").step(STAGE, || "mount /proc".into())?;
    let masks = Masks::new(tree)?;
    for name in FILES.iter().filter(|name| exists(tree, name)) {
        cover(&masks.file()?, tree, name)?;
    }
    for name in DIRECTORIES.iter().filter(|name| exists(tree, name)) {
        cover(&masks.directory()?, tree, name)?;
    }
    Ok(())
}

/// Which of them there are depends on the kernel's configuration. Asked before a mask is made: to throw
/// away a mount that was not used makes the kernel wait for all its processors.
fn exists(tree: &Tree, name: &str) -> bool {
    let path = format!("proc/{name}");
    accessat(&tree.root, path, Access::EXISTS, AtFlags::empty()).is_ok()
}

fn cover(mask: &OwnedFd, tree: &Tree, name: &str) -> Outcome<()> {
    attach_mount(mask, &tree.root, &format!("proc/{name}"))
        .step(STAGE, || format!("mask /proc/{name}"))
}
