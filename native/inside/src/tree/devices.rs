//! /dev: five device nodes of the host's, which hold no state, and terminals of the sandbox's own.

use rustix::fs::CWD;
use rustix::mount::MountAttrFlags;

use super::{attach as attach_mount, clone_of, new_file_system, Tree, STAGE};
use crate::fault::{Outcome, Step};
use crate::layout::SKELETON;

/// A node cannot be made in a user namespace (mknod(2)), so the host's are bound.
const NODES: [&str; 5] = ["null", "zero", "full", "random", "urandom"];

const LINKS: [(&str, &str); 5] = [
    ("fd", "/proc/self/fd"),
    ("stdin", "/proc/self/fd/0"),
    ("stdout", "/proc/self/fd/1"),
    ("stderr", "/proc/self/fd/2"),
    // The instance's own, never the host's.
    ("ptmx", "pts/ptmx"),
];

pub fn attach(tree: &Tree) -> Outcome<()> {
    // Its own attributes hold as they are but for these; NODEV would make it useless.
    let attributes = MountAttrFlags::MOUNT_ATTR_NOSUID
        | MountAttrFlags::MOUNT_ATTR_NOEXEC
        | MountAttrFlags::MOUNT_ATTR_RDONLY;
    for name in NODES {
        let path = format!("/dev/{name}");
        let node = clone_of(CWD, &path, attributes)?;
        tree.make_empty_file(&format!("{SKELETON}{path}"))?;
        attach_mount(&node, &tree.root, &path[1..]).step(STAGE, || format!("mount {path}"))?;
    }
    for (name, to) in LINKS {
        tree.make_link(&format!("{SKELETON}/dev/{name}"), to)?;
    }
    attach_terminals(tree)
}

fn attach_terminals(tree: &Tree) -> Outcome<()> {
    let options = [
        ("ptmxmode", "0666".to_owned()),
        ("mode", "0620".to_owned()),
        // All instances draw on one number of the host's (pty.max, 4096).
        ("max", "64".to_owned()),
    ];
    let attributes = MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NOEXEC;
    let terminals = new_file_system("devpts", &options, attributes)?;
    tree.make_directories(&format!("{SKELETON}/dev/pts"))?;
    attach_mount(&terminals, &tree.root, "dev/pts").step(STAGE, || "mount /dev/pts".into())
}
