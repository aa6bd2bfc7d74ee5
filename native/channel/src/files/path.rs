//! From a path of the peer's to something open.

use std::os::fd::{AsFd, OwnedFd};

use glovebox_lookup as lookup;
use glovebox_wire::inside::FilePath;
use rustix::fs::{OFlags, ResolveFlags};
use rustix::io::Errno;

use crate::status::{Result, Status};

/// PATH_MAX of limits.h, with its NUL.
const MAX_PATH: usize = 4096;

/// A directory, and how names are looked up below it.
pub struct Base {
    pub directory: OwnedFd,
    resolve: ResolveFlags,
}

impl Base {
    /// The root that a path is relative to. `tree` is "/" of the sandbox.
    pub fn of(tree: &OwnedFd, path: &FilePath) -> Result<Base> {
        let root = path.root.as_ref().map_or(&b"/"[..], |root| root);
        if !root.starts_with(b"/") {
            return Err(Status::invalid("root: must be an absolute path"));
        }
        // "/" has no outside: an absolute link starts there again, as it does for the sandbox's programs.
        let (resolve, relative) = match root.iter().position(|byte| *byte != b'/') {
            None => (ResolveFlags::IN_ROOT, &b"."[..]),
            Some(start) => (ResolveFlags::BENEATH, &root[start..]),
        };
        let flags = OFlags::PATH | OFlags::DIRECTORY;
        let in_root = ResolveFlags::IN_ROOT | ResolveFlags::NO_MAGICLINKS;
        let directory = lookup::open(tree, relative, flags, in_root)
            .map_err(|errno| Status::of(&format!("root {}", shown(root)), errno))?;
        Ok(Base {
            directory,
            resolve: resolve | ResolveFlags::NO_MAGICLINKS,
        })
    }

    /// For what lies below a directory that is open.
    pub fn below(directory: OwnedFd) -> Base {
        Base {
            directory,
            resolve: ResolveFlags::BENEATH | ResolveFlags::NO_MAGICLINKS,
        }
    }

    pub fn open(&self, path: &[u8], flags: OFlags) -> std::result::Result<OwnedFd, Errno> {
        let path = if path.is_empty() { b"." } else { path };
        lookup::open(&self.directory, path, flags, self.resolve)
    }

    /// The directory that holds the last part of a path, and that part.
    pub fn parent<'a>(&self, path: &'a [u8]) -> std::result::Result<(OwnedFd, &'a [u8]), Errno> {
        let end = path
            .iter()
            .rposition(|byte| *byte != b'/')
            .map_or(0, |last| last + 1);
        let path = &path[..end];
        let (parent, name) = match path.iter().rposition(|byte| *byte == b'/') {
            Some(slash) => (&path[..slash], &path[slash + 1..]),
            None => (&b""[..], path),
        };
        match name {
            b"" | b"." | b".." => Err(Errno::INVAL),
            name => Ok((self.open(parent, OFlags::PATH | OFlags::DIRECTORY)?, name)),
        }
    }
}

/// A relative path without a NUL, as every call takes it.
pub fn checked(path: &FilePath) -> Result<&[u8]> {
    let bytes = &path.path[..];
    if bytes.starts_with(b"/") {
        return Err(Status::invalid("path: must be relative to root"));
    }
    if bytes.len() >= MAX_PATH || bytes.contains(&0) {
        return Err(Status::invalid("path: has a NUL, or more than 4095 bytes"));
    }
    Ok(bytes)
}

pub fn missing() -> Status {
    Status::invalid("the path is missing")
}

/// For a message. What the sandbox named is data, which the host checks before it shows it.
pub fn shown(path: &[u8]) -> String {
    String::from_utf8_lossy(&path[..path.len().min(256)]).into_owned()
}

pub fn told(path: &[u8]) -> impl Fn(Errno) -> Status + '_ {
    move |errno| Status::of(&shown(path), errno)
}

pub fn follow(path: &FilePath) -> OFlags {
    match path.no_follow {
        true => OFlags::NOFOLLOW,
        false => OFlags::empty(),
    }
}

/// Directory entries, without `.` and `..`.
pub fn entries(directory: impl AsFd) -> std::result::Result<rustix::fs::Dir, Errno> {
    rustix::fs::Dir::read_from(directory)
}
