//! /dev: five device nodes of the host's, which hold no state, and terminals of the sandbox's own. Where the plan asks for it, what
//! a program of ours that runs machines needs.

use std::os::fd::OwnedFd;

use glovebox_wire::Device;
use rustix::fs::{fstat, major, minor, open, openat, stat, FileType, Mode, OFlags, Stat, CWD};
use rustix::io::Errno;
use rustix::mount::MountAttrFlags;
use rustix::process::Gid;
use rustix::thread::set_thread_groups;

use super::{attach as attach_mount, clone_of, new_file_system, Tree, STAGE};
use crate::fault::{say, Fault, Outcome, Step};
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

/// Its own attributes hold as they are but for these; NODEV would make it useless. Read-only is the mount, not the device.
const OF_A_NODE: MountAttrFlags = MountAttrFlags::MOUNT_ATTR_NOSUID
    .union(MountAttrFlags::MOUNT_ATTR_NOEXEC)
    .union(MountAttrFlags::MOUNT_ATTR_RDONLY);

pub fn attach(tree: &Tree) -> Outcome<()> {
    for name in NODES {
        let path = format!("/dev/{name}");
        let node = clone_of(CWD, &path, OF_A_NODE)?;
        put(tree, &node, &path)?;
    }
    for (name, to) in LINKS {
        tree.make_link(&format!("{SKELETON}/dev/{name}"), to)?;
    }
    attach_terminals(tree)
}

fn put(tree: &Tree, node: &OwnedFd, path: &str) -> Outcome<()> {
    tree.make_empty_file(&format!("{SKELETON}{path}"))?;
    attach_mount(node, &tree.root, &path[1..]).step(STAGE, || format!("mount {path}"))
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

/// The host's path, and the sandbox's.
pub fn path_of(device: Device) -> &'static str {
    match device {
        Device::Kvm => "/dev/kvm",
    }
}

/// What the kernel knows it by, whatever its name leads to (Documentation/admin-guide/devices.txt).
fn number_of(device: Device) -> (u32, u32) {
    match device {
        Device::Kvm => (10, 232),
    }
}

/// What the plan asks for besides: the very device, which this sandbox's ids may open. Tried, since of an ordinary user it depends on
/// groups and access lists that nobody inside can name.
pub fn attach_asked(tree: &Tree, devices: &[Device]) -> Outcome<()> {
    for &device in devices {
        let path = path_of(device);
        let object = open(
            path,
            OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC,
            Mode::empty(),
        )
        .map_err(|errno| refused(path, errno))?;
        let stat = fstat(&object).step(STAGE, || format!("stat {path}"))?;
        check(device, &stat)?;
        // By name: only an attached mount can be cloned, and the descriptor's is. What was put there is checked again below.
        let node = clone_of(CWD, path, OF_A_NODE)?;
        put(tree, &node, path)?;
        let flags = OFlags::RDWR | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let opened = openat(&tree.root, &path[1..], flags, Mode::empty())
            .map_err(|errno| refused(path, errno))?;
        check(
            device,
            &fstat(&opened).step(STAGE, || format!("stat {path}"))?,
        )?;
    }
    Ok(())
}

fn check(device: Device, stat: &Stat) -> Outcome<()> {
    let (kind, is) = (FileType::from_raw_mode(stat.st_mode), stat.st_rdev);
    if kind == FileType::CharacterDevice && (major(is), minor(is)) == number_of(device) {
        return Ok(());
    }
    let path = path_of(device);
    Err(Fault::host(STAGE, format!("{path}: is not that device")))
}

fn refused(path: &str, errno: Errno) -> Fault {
    let fault = Fault::host(STAGE, format!("{path}: {}", say(errno)));
    match errno {
        Errno::ACCESS | Errno::PERM => fault.fix(format!(
            "become a member of the group that {path} belongs to (usually: sudo usermod -aG kvm USER, then log in again)"
        )),
        _ => fault,
    }
}

/// A sandbox that root starts has an id of nobody's, which opens no device. It gets the group that may: alone of its groups, and before
/// the namespaces, in which it has no name. Never root's.
pub fn join_groups(devices: &[Device]) -> Outcome<()> {
    let groups: Vec<Gid> = devices
        .iter()
        .flat_map(|device| stat(path_of(*device)).ok())
        .filter(|stat| stat.st_gid != 0 && stat.st_mode & 0o060 == 0o060)
        .map(|stat| Gid::from_raw(stat.st_gid))
        .collect();
    if devices.is_empty() {
        return Ok(());
    }
    set_thread_groups(&groups).step("identity", || "take the group of a device".into())
}
