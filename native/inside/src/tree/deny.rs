//! Masks: an empty, unreadable, read-only object over what must not be seen.

use std::os::fd::OwnedFd;

use glovebox_wire::Plan;
use rustix::fs::{fstat, mkdirat, mknodat, FileType, Mode};
use rustix::io::Errno;
use rustix::mount::MountAttrFlags;

use super::{attach, clone_of, Tree, INERT, STAGE};
use crate::fault::{Fault, Outcome, Step};
use crate::layout::{denied_paths, mount_at};
use crate::mounts::is_at_or_below;

/// Lives beside the skeleton, where no path of the sandbox leads.
pub struct Masks<'a> {
    tree: &'a Tree,
}

impl<'a> Masks<'a> {
    pub fn new(tree: &'a Tree) -> Outcome<Masks<'a>> {
        let make = || {
            mknodat(
                &tree.master,
                "masks/file",
                FileType::RegularFile,
                Mode::empty(),
                0,
            )?;
            mkdirat(&tree.master, "masks/directory", Mode::empty())
        };
        match make() {
            Ok(()) | Err(Errno::EXIST) => Ok(Masks { tree }),
            Err(errno) => Err(Fault::call(STAGE, "make a mask", errno)),
        }
    }

    pub fn file(&self) -> Outcome<OwnedFd> {
        self.clone_of("masks/file")
    }

    pub fn directory(&self) -> Outcome<OwnedFd> {
        self.clone_of("masks/directory")
    }

    /// Read-only, since the sandbox owns the mask and could give itself rights on it.
    fn clone_of(&self, path: &str) -> Outcome<OwnedFd> {
        clone_of(
            &self.tree.master,
            path,
            INERT | MountAttrFlags::MOUNT_ATTR_RDONLY,
        )
    }
}

/// Masks each denied path wherever it is seen. One that does not exist cannot be masked, and whoever
/// creates it later would be read: that is an error, except where no mount could ever show it.
pub fn mask_all(tree: &Tree, plan: &Plan) -> Outcome<()> {
    if plan.deny.is_empty() {
        return Ok(());
    }
    let masks = Masks::new(tree)?;
    let mut masked: Vec<String> = Vec::new();
    for deny in &plan.deny {
        for path in denied_paths(&plan.mounts, deny) {
            if masked.iter().any(|done| is_at_or_below(&path, done)) {
                continue;
            }
            mask(tree, &masks, &path, plan)?;
            masked.push(path);
        }
    }
    Ok(())
}

fn mask(tree: &Tree, masks: &Masks<'_>, path: &str, plan: &Plan) -> Outcome<()> {
    let object = tree.find(path).map_err(|errno| match errno {
        Errno::NOENT | Errno::NOTDIR => {
            let mount = mount_at(&plan.mounts, path).map_or("", |index| &plan.mounts[index].target);
            Fault::plan(format!(
                "deny {path}: does not exist in {mount}, so nothing can be put over it, and it would be visible once somebody creates it"
            ))
            .fix(format!("create {path} (empty is enough), or leave it out of deny"))
        }
        Errno::LOOP => Fault::plan(format!(
            "deny {path}: has a symbolic link in it; deny what the link leads to"
        )),
        _ => Fault::call(STAGE, &format!("find {path}"), errno),
    })?;
    let stat = fstat(&object).step(STAGE, || format!("stat {path}"))?;
    let mask = if FileType::from_raw_mode(stat.st_mode) == FileType::Directory {
        masks.directory()?
    } else {
        masks.file()?
    };
    attach(&mask, &object, "").step(STAGE, || format!("mask {path}"))
}
