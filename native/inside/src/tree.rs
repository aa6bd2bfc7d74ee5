//! The sandbox's tree of files: one tmpfs, the plan's mounts, /proc and /dev, and nothing else.
//!
//! One tmpfs holds both the skeleton of the root and all that is private and writable. The skeleton
//! is seen through a read-only mount of its own; we write to it through the master mount, which sits
//! on the old root and goes away with it.

use std::cell::RefCell;
use std::collections::HashSet;
use std::fs;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use glovebox_wire::{Mount, Plan};
use rustix::fs::{
    fstat, mkdirat, mknodat, openat, openat2, stat, symlinkat, FileType, Mode, OFlags,
    ResolveFlags, CWD,
};
use rustix::io::Errno;
use rustix::mount::{
    fsconfig_create, fsconfig_set_string, fsmount, fsopen, move_mount, open_tree, unmount,
    FsMountFlags, FsOpenFlags, MountAttrFlags, MoveMountFlags, OpenTreeFlags, UnmountFlags,
};

use crate::explain::why_mounting_is_refused;
use crate::fault::{Fault, Outcome, Step};
use crate::kernel::{mount_setattr_recursive, pivot_root_here, MountAttr};
use crate::layout::{place, Place, BOOT_ID, OWN_DIRECTORIES, SKELETON};
use crate::source::Source;
use crate::who::Who;

mod deny;
pub mod devices;
mod files;
mod process_files;

pub const STAGE: &str = "mount tree";

/// What a private mount never has.
pub const INERT: MountAttrFlags = MountAttrFlags::MOUNT_ATTR_NOSUID
    .union(MountAttrFlags::MOUNT_ATTR_NODEV)
    .union(MountAttrFlags::MOUNT_ATTR_NOEXEC);

/// A symbolic link at the top of the host's tree, such as `/bin -> usr/bin`.
struct TopLink {
    name: &'static str,
    to: String,
}

/// The links that the host has at the top of its tree; where it has real directories the plan mounts them.
fn top_links() -> Vec<TopLink> {
    ["bin", "sbin", "lib", "lib32", "lib64", "libx32"]
        .into_iter()
        .filter_map(|name| {
            let to = fs::read_link(format!("/{name}")).ok()?;
            Some(TopLink {
                name,
                to: to.to_str()?.to_owned(),
            })
        })
        .collect()
}

/// Builds the sandbox's tree, mounted over this process's root but not yet in its place.
/// The caller is pid 1 of new namespaces, with all capabilities in them.
/// `sources`, of the plan's mounts in order, are asked for when the first is wanted.
pub fn build(
    plan: &Plan,
    who: &Who,
    sources: impl FnOnce() -> Outcome<Vec<Source>>,
) -> Outcome<Tree> {
    let links = top_links();
    let tree = Tree::start(plan)?;
    tree.make_own_directories()?;
    let boot_id = tree.attach_mounts(&plan.mounts, sources()?)?;
    tree.make_top_links(&plan.mounts, &links)?;
    files::write_etc(&tree, plan, who)?;
    devices::attach(&tree)?;
    devices::attach_asked(&tree, &plan.devices)?;
    process_files::attach(&tree)?;
    if let Some(source) = boot_id {
        attach(&source.tree, &tree.root, &BOOT_ID[1..])
            .step(STAGE, || format!("mount {BOOT_ID}"))?;
    }
    deny::mask_all(&tree, plan)?;
    Ok(tree)
}

pub struct Tree {
    /// The tmpfs, writable, on the old root.
    master: OwnedFd,
    /// The new root: the skeleton, read-only.
    root: OwnedFd,
    /// Directories that are there.
    made: RefCell<HashSet<String>>,
}

impl Tree {
    /// What will be `/`.
    pub fn root(&self) -> BorrowedFd<'_> {
        self.root.as_fd()
    }

    /// The device number of the tmpfs.
    pub fn device(&self) -> Outcome<u64> {
        let stat = fstat(&self.master).step(STAGE, || "stat the tmpfs".into())?;
        Ok(stat.st_dev)
    }

    fn start(plan: &Plan) -> Outcome<Tree> {
        let disk = plan.limits.disk.count();
        // The skeleton's few pages are on top of what was promised. An inode costs the kernel up to
        // 1 KiB that `size` does not count, so there are only as many as pages.
        let options = [
            ("size", (disk + (64 << 10)).to_string()),
            ("nr_inodes", (disk / 4096).clamp(1024, 262_144).to_string()),
            ("mode", "0755".to_owned()),
        ];
        let master = new_file_system("tmpfs", &options, INERT)?;
        for name in [SKELETON, "masks"] {
            mkdirat(&master, name, Mode::from_raw_mode(0o755))
                .step(STAGE, || format!("make {name} in the tmpfs"))?;
        }
        // Somewhere on the old root, with which it will go; a clone can only be taken of an attached
        // mount. Not on `/` itself, where detaching would take it away instead of the old root.
        attach(&master, CWD, "/proc").step(STAGE, || "attach the tmpfs".into())?;
        let root = clone_of(&master, SKELETON, INERT | MountAttrFlags::MOUNT_ATTR_RDONLY)?;
        attach(&root, CWD, "/").step(STAGE, || "attach the new root".into())?;
        let made = RefCell::new(HashSet::from([SKELETON.to_owned()]));
        Ok(Tree { master, root, made })
    }

    fn make_own_directories(&self) -> Outcome<()> {
        for own in &OWN_DIRECTORIES {
            mkdirat(&self.master, own.name, Mode::from_raw_mode(own.mode))
                .step(STAGE, || format!("make {} in the tmpfs", own.name))?;
            let target = format!("{SKELETON}{}", own.target);
            self.make_directories(&target)?;
            let tree = clone_of(&self.master, own.name, INERT)?;
            attach(&tree, &self.root, &own.target[1..])
                .step(STAGE, || format!("mount {}", own.target))?;
        }
        Ok(())
    }

    /// Returns what is for /proc, which is not there yet.
    fn attach_mounts(&self, mounts: &[Mount], sources: Vec<Source>) -> Outcome<Option<Source>> {
        let mut boot_id = None;
        for (index, source) in sources.into_iter().enumerate() {
            let target = mounts[index].target.as_str();
            if target == BOOT_ID {
                boot_id = Some(source);
                continue;
            }
            let failed = || format!("mount {} at {target}", mounts[index].source);
            if let Place::Ours(path) = place(mounts, index) {
                self.make_mount_point(&path, source.is_directory)?;
                // No link is in the way there yet, and only we could have made one. `/` has no mount point of ours.
                if target != "/" {
                    attach(&source.tree, &self.root, &target[1..]).step(STAGE, failed)?;
                    continue;
                }
            }
            let point = self.find(target).map_err(|errno| match errno {
                Errno::NOENT | Errno::NOTDIR | Errno::LOOP => Fault::plan(format!(
                    "{target}: lies inside another mount, in which it does not exist as a plain directory or file"
                ))
                .fix("create it there first: nothing is ever created in a directory of the host's"),
                _ => Fault::call(STAGE, &format!("find {target}"), errno),
            })?;
            attach(&source.tree, &point, "").step(STAGE, failed)?;
        }
        Ok(boot_id)
    }

    fn make_top_links(&self, mounts: &[Mount], links: &[TopLink]) -> Outcome<()> {
        let taken: HashSet<&str> = mounts
            .iter()
            .filter_map(|mount| mount.target[1..].split('/').next())
            .collect();
        for link in links.iter().filter(|link| !taken.contains(link.name)) {
            symlinkat(
                link.to.as_str(),
                &self.master,
                format!("{SKELETON}/{}", link.name),
            )
            .step(STAGE, || format!("link /{}", link.name))?;
        }
        Ok(())
    }

    /// Opens what is at a path of the new tree, by no link that anyone could have put in the way.
    fn find(&self, path: &str) -> rustix::io::Result<OwnedFd> {
        openat2(
            &self.root,
            &path[1..],
            OFlags::PATH | OFlags::CLOEXEC,
            Mode::empty(),
            ResolveFlags::BENEATH | ResolveFlags::NO_SYMLINKS | ResolveFlags::NO_MAGICLINKS,
        )
    }

    fn make_mount_point(&self, path: &str, is_directory: bool) -> Outcome<()> {
        if is_directory {
            return self.make_directories(path);
        }
        if let Some((parent, _)) = path.rsplit_once('/') {
            self.make_directories(parent)?;
        }
        self.make_empty_file(path)
    }

    /// Makes a directory of the tmpfs with all above it. Only we write there now, so paths are safe.
    fn make_directories(&self, path: &str) -> Outcome<()> {
        let mut made = self.made.borrow_mut();
        for (index, _) in path.match_indices('/').chain([(path.len(), "")]) {
            let part = &path[..index];
            if made.contains(part) {
                continue;
            }
            match mkdirat(&self.master, part, Mode::from_raw_mode(0o755)) {
                Ok(()) | Err(Errno::EXIST) => made.insert(part.to_owned()),
                Err(errno) => return Err(Fault::call(STAGE, &format!("make {path}"), errno)),
            };
        }
        Ok(())
    }

    /// An empty file to mount something on.
    fn make_empty_file(&self, path: &str) -> Outcome<()> {
        let mode = Mode::from_raw_mode(0o444);
        match mknodat(&self.master, path, FileType::RegularFile, mode, 0) {
            Ok(()) | Err(Errno::EXIST) => Ok(()),
            Err(errno) => Err(Fault::call(STAGE, &format!("make {path}"), errno)),
        }
    }

    fn make_file(&self, path: &str, mode: u32, content: &[u8]) -> Outcome<()> {
        let flags = OFlags::WRONLY | OFlags::CREATE | OFlags::CLOEXEC | OFlags::NOFOLLOW;
        let file = openat(&self.master, path, flags, Mode::from_raw_mode(mode))
            .step(STAGE, || format!("make {path}"))?;
        rustix::io::write(&file, content)
            .step(STAGE, || format!("write {path}"))
            .map(drop)
    }

    fn make_link(&self, path: &str, to: &str) -> Outcome<()> {
        symlinkat(to, &self.master, path).step(STAGE, || format!("link {path}"))
    }

    /// Replaces this process's root, and that of whoever shares it. The old one, with every mount of the host and our
    /// master, is gone after this. Checked, because a rest of it would be one `..` away.
    pub fn become_root(self) -> Outcome<()> {
        let device = self.device()?;
        rustix::process::fchdir(&self.root).step(STAGE, || "enter the new root".into())?;
        pivot_root_here().step(STAGE, || "pivot_root".into())?;
        unmount(".", UnmountFlags::DETACH).step(STAGE, || "detach the old root".into())?;
        rustix::process::chdir("/").step(STAGE, || "enter /".into())?;
        let above = stat("..").step(STAGE, || "stat ..".into())?;
        if above.st_dev != device {
            return Err(Fault::call(
                STAGE,
                "something is still mounted over /",
                Errno::BUSY,
            ));
        }
        Ok(())
    }
}

/// A new file system as a detached mount.
fn new_file_system(
    kind: &'static str,
    options: &[(&str, String)],
    attributes: MountAttrFlags,
) -> Outcome<OwnedFd> {
    let make = || {
        let context = fsopen(kind, FsOpenFlags::FSOPEN_CLOEXEC)?;
        for (key, value) in options {
            fsconfig_set_string(&context, *key, value.as_str())?;
        }
        fsconfig_create(&context)?;
        fsmount(&context, FsMountFlags::FSMOUNT_CLOEXEC, attributes)
    };
    make().map_err(|errno| why_mounting_is_refused(kind, errno))
}

/// A detached mount of something in the tmpfs or of a device, with these attributes on top of its own.
fn clone_of(directory: impl AsFd, path: &str, attributes: MountAttrFlags) -> Outcome<OwnedFd> {
    let flags = OpenTreeFlags::OPEN_TREE_CLONE | OpenTreeFlags::OPEN_TREE_CLOEXEC;
    let tree = open_tree(directory, path, flags).step(STAGE, || format!("clone {path}"))?;
    let attr = MountAttr {
        set: u64::from(attributes.bits()),
        propagation: u64::from(rustix::mount::MountPropagationFlags::PRIVATE.bits()),
        ..MountAttr::default()
    };
    mount_setattr_recursive(&tree, &attr).step(STAGE, || format!("set attributes of {path}"))?;
    Ok(tree)
}

/// Puts a detached mount in its place; an empty path means the descriptor itself.
fn attach(tree: &OwnedFd, directory: impl AsFd, path: &str) -> rustix::io::Result<()> {
    let mut flags = MoveMountFlags::MOVE_MOUNT_F_EMPTY_PATH;
    if path.is_empty() {
        flags |= MoveMountFlags::MOVE_MOUNT_T_EMPTY_PATH;
    }
    let directory: BorrowedFd<'_> = directory.as_fd();
    move_mount(tree, "", directory, path, flags)
}
