//! In a guest: files that the host has copied there for a sandbox become its own by their owner on the disk, which is memory.
//! A tmpfs has id-mapped mounts only since Linux 6.3, and these copies are nobody else's.

use std::ffi::CStr;
use std::os::fd::{AsFd, OwnedFd};

use rustix::fs::{chownat, openat, AtFlags, Dir, FileType, Gid, Mode, OFlags, Uid};
use rustix::io::{Errno, Result};

use crate::kernel::c_str;
use crate::mounts::is_at_or_below;
use crate::who::Who;

const EMPTY: &CStr = c_str(b"\0");
const SELF: &CStr = c_str(b".\0");
const PARENT: &CStr = c_str(b"..\0");

/// Where init has them put.
pub const COPIES: &str = "/run/glovebox/work";
/// The one of the machine's sandbox.
pub const COPY: &str = "/run/glovebox/work/copy";

/// As deep as an archive may be that the channel takes.
const DEPTH: usize = 128;

pub fn is_copy(path: &str) -> bool {
    path != COPIES && is_at_or_below(path, COPIES)
}

/// A tree, given to the sandbox's ids. What was started on it before has ended, and left no links that lead out: links are
/// given away themselves, and never followed.
pub fn give(tree: &OwnedFd, who: &Who) -> Result<()> {
    let ids = (Uid::from_raw(who.host_uid), Gid::from_raw(who.host_gid));
    chownat(tree, EMPTY, Some(ids.0), Some(ids.1), AtFlags::EMPTY_PATH)?;
    match directory(tree, SELF) {
        Ok(directory) => give_content(&directory, ids, DEPTH),
        // A single file.
        Err(Errno::NOTDIR) => Ok(()),
        Err(errno) => Err(errno),
    }
}

fn give_content(directory_of: &OwnedFd, ids: (Uid, Gid), depth: usize) -> Result<()> {
    for entry in Dir::read_from(directory_of)? {
        let entry = entry?;
        let name = entry.file_name();
        if name == SELF || name == PARENT {
            continue;
        }
        chownat(
            directory_of,
            name,
            Some(ids.0),
            Some(ids.1),
            AtFlags::SYMLINK_NOFOLLOW,
        )?;
        if entry.file_type() == FileType::Directory {
            let below = depth.checked_sub(1).ok_or(Errno::LOOP)?;
            give_content(&directory(directory_of, name)?, ids, below)?;
        }
    }
    Ok(())
}

fn directory(at: impl AsFd, name: &CStr) -> Result<OwnedFd> {
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
    openat(at, name, flags, Mode::empty())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::who::Files;
    use std::fs::{create_dir_all, metadata, remove_dir_all, write};
    use std::os::unix::fs::{symlink, MetadataExt};

    #[test]
    fn a_copy_lies_below_the_directory_of_copies() {
        assert!(is_copy("/run/glovebox/work/a"));
        assert!(!is_copy("/run/glovebox/work") && !is_copy("/run/glovebox/workshop/a"));
    }

    #[test]
    fn all_of_a_tree_is_given_and_nothing_outside() {
        let base = std::env::temp_dir().join(format!("glovebox-own-{}", std::process::id()));
        create_dir_all(base.join("tree/a/b")).expect("directories");
        for file in ["outside", "tree/f", "tree/a/b/g"] {
            write(base.join(file), "x").expect("a file");
        }
        symlink("../outside", base.join("tree/link")).expect("a link");
        // Ids that everybody may give to: root any, an ordinary user its own.
        let by_root = rustix::process::geteuid().is_root();
        let own = metadata(&base).expect("ours");
        let (uid, gid) = if by_root {
            (61_301, 61_302)
        } else {
            (own.uid(), own.gid())
        };
        let who = Who {
            host_uid: uid,
            host_gid: gid,
            inside_uid: 1000,
            inside_gid: 1000,
            by_root,
            files: Files::Copies,
        };
        let flags = OFlags::PATH | OFlags::DIRECTORY | OFlags::CLOEXEC;
        let tree = rustix::fs::open(base.join("tree"), flags, Mode::empty()).expect("it");
        give(&tree, &who).expect("given");
        for given in ["tree", "tree/f", "tree/a", "tree/a/b", "tree/a/b/g"] {
            let is = metadata(base.join(given)).expect("it");
            assert_eq!((is.uid(), is.gid()), (uid, gid), "{given}");
        }
        let outside = metadata(base.join("outside")).expect("it");
        assert_eq!((outside.uid(), outside.gid()), (own.uid(), own.gid()));
        remove_dir_all(&base).expect("removed");
    }
}
