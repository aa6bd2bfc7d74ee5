//! Calls that change what is there: attributes, names, links.

use std::os::fd::OwnedFd;

use glovebox_wire::inside::{ChangeRequest, FileChange, FileInfo, MakeLinkRequest, RenameRequest};
use rustix::fs::{
    fchmod, fstat, ftruncate, futimens, openat, renameat_with, symlinkat, FileType, Mode, OFlags,
    RenameFlags,
};
use rustix::io::Errno;

use super::names::{info, info_of, last_part};
use super::path::{checked, follow, missing, shown, told, Base};
use super::temporary::{of_ms, times};
use crate::status::{Result, Status};

pub fn change(tree: &OwnedFd, request: &ChangeRequest) -> Result<FileInfo> {
    let path = request.file.as_ref().ok_or_else(missing)?;
    let change = request.change.clone().unwrap_or_default();
    let base = Base::of(tree, path)?;
    let bytes = checked(path)?;
    // Without waiting for a FIFO's other end; means nothing to a regular file.
    let flags = OFlags::NONBLOCK | OFlags::NOCTTY | follow(path);
    let open = |access| base.open(bytes, access | flags);
    let found = match change.size {
        Some(_) => open(OFlags::WRONLY),
        // Its owner may change the mode of what it may not read.
        None => open(OFlags::RDONLY).or_else(|errno| match errno {
            Errno::ACCESS => open(OFlags::WRONLY),
            errno => Err(errno),
        }),
    };
    let found = found.map_err(told(bytes))?;
    let stat = fstat(&found).map_err(told(bytes))?;
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::RegularFile | FileType::Directory => {}
        _ => {
            let what = format!("{}: is no regular file and no directory", shown(bytes));
            return Err(Status::invalid(what));
        }
    }
    apply(&found, &change).map_err(told(bytes))?;
    let stat = fstat(&found).map_err(told(bytes))?;
    Ok(info(&stat, last_part(bytes)))
}

/// The time last: the others set it.
pub fn apply(file: &OwnedFd, change: &FileChange) -> std::result::Result<(), Errno> {
    if let Some(size) = change.size {
        ftruncate(file, size)?;
    }
    if let Some(mode) = change.mode {
        fchmod(file, Mode::from_raw_mode(mode & 0o777))?;
    }
    if let Some(modified) = change.modified_ms {
        futimens(file, &times(of_ms(modified)))?;
    }
    Ok(())
}

pub fn rename(tree: &OwnedFd, request: &RenameRequest) -> Result<()> {
    let from = request.from.as_ref().ok_or_else(missing)?;
    let to = request.to.as_ref().ok_or_else(missing)?;
    let (old, new) = (checked(from)?, checked(to)?);
    let (old_base, new_base) = (Base::of(tree, from)?, Base::of(tree, to)?);
    let (old_parent, old_name) = old_base.parent(old).map_err(told(old))?;
    let (new_parent, new_name) = new_base.parent(new).map_err(told(new))?;
    let how = match request.keep {
        true => RenameFlags::NOREPLACE,
        false => RenameFlags::empty(),
    };
    match renameat_with(&old_parent, old_name, &new_parent, new_name, how) {
        // Between two mounts; only a lookup that leads out of `root` is "permission denied".
        Err(Errno::XDEV) => {
            let what = format!("{}: lies on another file system", shown(new));
            Err(Status::invalid(what))
        }
        done => done.map_err(told(old)),
    }
}

pub fn make_link(tree: &OwnedFd, request: &MakeLinkRequest) -> Result<FileInfo> {
    let path = request.file.as_ref().ok_or_else(missing)?;
    let base = Base::of(tree, path)?;
    let bytes = checked(path)?;
    let make = || {
        let (parent, name) = base.parent(bytes)?;
        symlinkat(&request.link[..], &parent, name)?;
        let flags = OFlags::PATH | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let made = openat(&parent, name, flags, Mode::empty())?;
        info_of(&made, last_part(bytes))
    };
    make().map_err(told(bytes))
}
