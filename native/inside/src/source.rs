//! The host's files that a sandbox may see, opened as detached mounts with their final attributes.

use std::os::fd::{AsFd, AsRawFd, OwnedFd};

use glovebox_wire::{Access, Mount, Owner};
use rustix::fs::{fstat, openat2, FileType, Mode, OFlags, ResolveFlags, Stat, CWD};
use rustix::io::Errno;
use rustix::mount::{open_tree, MountAttrFlags, MountPropagationFlags, OpenTreeFlags};

use crate::fault::{say, Fault, Outcome, Step};
use crate::idmap::IdMaps;
use crate::kernel::{mount_setattr_recursive, MountAttr};
use crate::mounts::MountTable;
use crate::own;
use crate::who::{Files, Who};

const STAGE: &str = "mount tree";

/// A detached mount, ready to be put in its place.
pub struct Source {
    pub tree: OwnedFd,
    pub is_directory: bool,
}

/// Opens the sources of all mounts, in order, outside, where root may open any path and id-map it.
pub fn open_all_outside(mounts: &[Mount], who: &Who, table: &MountTable) -> Outcome<Vec<Source>> {
    let mut maps = IdMaps::default();
    let open = |mount: &Mount| {
        let opened = open(mount.source.as_str())?;
        match mount.owner {
            Owner::User => give_to_sandbox(mount, &opened, who, table, &mut maps)?,
            Owner::System => opened.set_attributes(mount)?,
        }
        Ok(opened.into())
    };
    mounts.iter().map(open).collect()
}

/// The same inside, where an ordinary user's new namespaces let it.
pub fn open_all_inside(mounts: &[Mount]) -> Outcome<Vec<Source>> {
    let open = |mount: &Mount| {
        let opened = open(mount.source.as_str())?;
        opened.set_attributes(mount)?;
        Ok(opened.into())
    };
    mounts.iter().map(open).collect()
}

/// Refuses what the host's mount table says must not be seen, before anything is opened.
pub fn check_all(mounts: &[Mount], table: &MountTable) -> Outcome<()> {
    for mount in mounts {
        if let Some((point, kind)) = table.kernel_mount_in(&mount.source) {
            return Err(Fault::plan(format!(
                "{}: contains {point} ({kind}), through which the host's processes and kernel would be visible",
                mount.source
            ))
            .fix("name directories that do not contain it"));
        }
    }
    Ok(())
}

/// A clone of what a plan names, still with the host's attributes.
struct Opened {
    tree: OwnedFd,
    stat: Stat,
    is_directory: bool,
}

impl Opened {
    fn set_attributes(&self, mount: &Mount) -> Outcome<()> {
        set_attributes(mount, &self.tree, None)
            .step(STAGE, || format!("set attributes of {}", mount.source))
    }
}

impl From<Opened> for Source {
    fn from(opened: Opened) -> Source {
        Source {
            tree: opened.tree,
            is_directory: opened.is_directory,
        }
    }
}

fn open(path: &str) -> Outcome<Opened> {
    // By way of a path descriptor, so that what is checked is what is mounted, and no link that was
    // put in after the plan was made is followed.
    let object = openat2(
        CWD,
        path,
        OFlags::PATH | OFlags::CLOEXEC,
        Mode::empty(),
        ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS,
    )
    .map_err(|errno| cannot_open(path, errno))?;
    let stat = fstat(&object).step(STAGE, || format!("stat {path}"))?;
    let is_directory = match FileType::from_raw_mode(stat.st_mode) {
        FileType::Directory => true,
        FileType::RegularFile => false,
        _ => {
            return Err(Fault::plan(format!(
                "{path}: only directories and regular files can be mounted"
            )))
        }
    };
    let tree = open_tree(
        &object,
        "",
        OpenTreeFlags::OPEN_TREE_CLONE
            | OpenTreeFlags::OPEN_TREE_CLOEXEC
            | OpenTreeFlags::AT_RECURSIVE
            | OpenTreeFlags::AT_EMPTY_PATH,
    )
    .step(STAGE, || format!("clone the mount of {path}"))?;
    Ok(Opened {
        tree,
        stat,
        is_directory,
    })
}

fn cannot_open(path: &str, errno: Errno) -> Fault {
    match errno {
        Errno::NOENT | Errno::NOTDIR => Fault::plan(format!("{path}: does not exist")),
        Errno::LOOP => Fault::plan(format!(
            "{path}: has a symbolic link in it; a plan names real paths"
        )),
        _ => Fault::plan(format!("{path}: {}", say(errno))),
    }
}

/// On disk the files keep their owner; in the sandbox they are its own.
fn give_to_sandbox(
    mount: &Mount,
    opened: &Opened,
    who: &Who,
    table: &MountTable,
    maps: &mut IdMaps,
) -> Outcome<()> {
    let path = mount.source.as_str();
    let Opened { tree, stat, .. } = opened;
    let map = maps
        .between((stat.st_uid, stat.st_gid), (who.host_uid, who.host_gid))
        .step(STAGE, || "make an id map".to_owned())?;
    match set_attributes(mount, tree, Some(map.as_raw_fd())) {
        Ok(()) => Ok(()),
        // mount_setattr(2): EINVAL where the file system (or one below it) has no id-mapped mounts,
        // EPERM where it is id-mapped already.
        Err(Errno::INVAL | Errno::PERM | Errno::OPNOTSUPP) => {
            if who.files == Files::Copies && own::is_copy(path) {
                own::give(tree, who).step(STAGE, || format!("give {path} to the sandbox"))?;
                return opened.set_attributes(mount);
            }
            if mount.access == Access::Write || !is_readable_by_others(stat) {
                let kind = table.type_of(path);
                return Err(Fault::host(
                    STAGE,
                    format!("{path}: is on {kind}, which has no id-mapped mounts, so its files cannot be given to the sandbox's own user"),
                )
                .fix("start glovebox as the files' owner instead of root"));
            }
            opened.set_attributes(mount)
        }
        Err(errno) => Err(Fault::call(STAGE, &format!("id-map {path}"), errno)),
    }
}

/// Whether the sandbox's id, which owns nothing here, can read this without an id map.
fn is_readable_by_others(stat: &Stat) -> bool {
    let needed = match FileType::from_raw_mode(stat.st_mode) {
        FileType::Directory => 0o005,
        _ => 0o004,
    };
    stat.st_mode & needed == needed
}

/// One call for the whole tree: `MS_BIND|MS_RDONLY` in one mount(2) is not read-only, and would leave
/// out the mounts below. Private, so that what the host mounts there later stays out.
fn set_attributes(mount: &Mount, tree: &OwnedFd, map: Option<i32>) -> rustix::io::Result<()> {
    let mut set = MountAttrFlags::MOUNT_ATTR_NOSUID | MountAttrFlags::MOUNT_ATTR_NODEV;
    if mount.access == Access::Read {
        set |= MountAttrFlags::MOUNT_ATTR_RDONLY;
    }
    if !mount.exec {
        set |= MountAttrFlags::MOUNT_ATTR_NOEXEC;
    }
    if map.is_some() {
        set |= MountAttrFlags::MOUNT_ATTR_IDMAP;
    }
    mount_setattr_recursive(
        tree.as_fd(),
        &MountAttr {
            set: u64::from(set.bits()),
            propagation: u64::from(MountPropagationFlags::PRIVATE.bits()),
            userns_fd: map.map_or(0, |fd| fd as u64),
            ..MountAttr::default()
        },
    )
}
