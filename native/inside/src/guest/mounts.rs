//! The guest's mounts. Nobody but us and launchers sees them: a sandbox gets a tree of its own, from the plan.

use std::ffi::CStr;
use std::fs::{self, DirBuilder};
use std::os::unix::fs::DirBuilderExt;

use rustix::mount::{mount, mount_move, MountFlags};
use rustix::process::{chdir, chroot};

use crate::fault::{Fault, Outcome, Step};
use crate::kernel::c_str;
use crate::own::{COPIES, COPY};

const STAGE: &str = "mounts";

/// What no mount here needs.
const PLAIN: MountFlags = MountFlags::NOSUID.union(MountFlags::NODEV);
const DATA: MountFlags = PLAIN.union(MountFlags::NOEXEC);

/// The kernel's file systems, which move on into the root.
const OF_THE_KERNEL: [&str; 3] = ["/proc", "/sys", "/dev"];

/// Where the root is prepared, in the initrd.
const NEW: &str = "/new";

/// Sockets of sandboxes, and the second drive.
pub const OURS: &str = "/run/glovebox";
pub const SOCKETS: &str = "/run/glovebox/s";
pub const GIVEN: &str = "/run/glovebox/given";

pub fn kernel_files() -> Outcome<()> {
    // Id maps, mount tables and our own executable, which launchers are started from.
    on("/proc", "proc", DATA, None)?;
    // The port's name. Read-only: what launchers write is in the cgroup mount.
    on("/sys", "sysfs", DATA | MountFlags::RDONLY, None)?;
    // The drives and the port. Devices, so not NODEV.
    let devices = MountFlags::NOSUID | MountFlags::NOEXEC;
    on("/dev", "devtmpfs", devices, Some(c_str(b"mode=0755\0")))
}

/// The first drive becomes the root. The initrd's own root cannot be unmounted, only covered, so it is emptied: a ramfs that
/// nobody can reach would keep its memory.
pub fn switch_root(device: &str) -> Outcome<()> {
    directory(NEW, 0o755)?;
    // Shared by all guests, so nothing of it can be written here anyway.
    let flags = PLAIN | MountFlags::RDONLY;
    mount(device, NEW, c_str(b"erofs\0"), flags, None).step(STAGE, || format!("mount {device}"))?;
    // Running, it stays; what launchers are started from is /proc/self/exe.
    fs::remove_file("/init")
        .map_err(|error| Fault::host(STAGE, format!("remove /init: {error}")))?;
    for path in OF_THE_KERNEL {
        mount_move(path, format!("{NEW}{path}"))
            .step(STAGE, || format!("the image has no directory {path}"))?;
    }
    let switch = || {
        chdir(NEW)?;
        mount_move(".", "/")?;
        chroot(".")?;
        chdir("/")
    };
    switch().step(STAGE, || "switch the root".into())
}

pub fn writable() -> Outcome<()> {
    // Sockets and what the host sends; in memory, so that a clone has a copy of its own by its memory alone.
    on("/run", "tmpfs", DATA, Some(c_str(b"mode=0755\0")))?;
    // For whatever wants one; nothing of a sandbox's sees it.
    on("/tmp", "tmpfs", DATA, Some(c_str(b"mode=1777,size=16m\0")))?;
    // Terminals for launchers. An instance of its own is what every mount is; its ptmx is root's.
    let terminals = MountFlags::NOSUID | MountFlags::NOEXEC;
    let options = c_str(b"mode=0600,ptmxmode=0600\0");
    on("/dev/pts", "devpts", terminals, Some(options))?;
    // Nobody else's processes look in: sandboxes that a launcher confines have a tree without it, and this is the second lock.
    for path in [OURS, SOCKETS] {
        directory(path, 0o700)?;
    }
    // Not in /run, of which it would leave nothing. The machine is as large as what the host sends here, and what a sandbox adds
    // to it is memory of its control group's: neither a size nor a number of files is the limit.
    let options = c_str(b"mode=0700,size=100%,nr_inodes=0\0");
    on(COPIES, "tmpfs", DATA, Some(options))?;
    directory(COPY, 0o700)
}

/// Version 2, whose limits are a sandbox's; the controllers that launchers ask for are handed down from its root, once for all
/// clones of a template.
pub fn control_groups() -> Outcome<()> {
    const ROOT: &str = "/sys/fs/cgroup";
    const WANTED: [&str; 3] = ["cpu", "memory", "pids"];
    on(ROOT, "cgroup2", DATA, None)?;
    let failed =
        |what: &str, error: std::io::Error| Fault::host(STAGE, format!("{ROOT}/{what}: {error}"));
    let there = fs::read_to_string(format!("{ROOT}/cgroup.controllers"))
        .map_err(|error| failed("cgroup.controllers", error))?;
    let has = |name: &&str| there.split_ascii_whitespace().any(|one| one == *name);
    let asked: Vec<String> = WANTED
        .into_iter()
        .filter(has)
        .map(|name| format!("+{name}"))
        .collect();
    fs::write(format!("{ROOT}/cgroup.subtree_control"), asked.join(" "))
        .map_err(|error| failed("cgroup.subtree_control", error))
}

fn on(path: &str, kind: &str, flags: MountFlags, options: Option<&CStr>) -> Outcome<()> {
    directory(path, 0o755)?;
    mount(kind, path, kind, flags, options).step(STAGE, || format!("mount {kind} on {path}"))
}

fn directory(path: &str, mode: u32) -> Outcome<()> {
    match DirBuilder::new().mode(mode).create(path) {
        Err(error) if error.kind() != std::io::ErrorKind::AlreadyExists => {
            Err(Fault::host(STAGE, format!("make {path}: {error}")))
        }
        _ => Ok(()),
    }
}
