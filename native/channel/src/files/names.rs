//! Calls about names: stat, list, make, remove.

use std::future::Future;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::pin::Pin;

use bytes::Bytes;
use glovebox_wire::inside::{FileInfo, FileKind, FilePath, MakeDirectoryRequest, RemoveRequest};
use rustix::fs::{
    chmodat, fstat, mkdirat, openat, readlinkat, statat, unlinkat, AtFlags, FileType, Mode, OFlags,
    Stat,
};
use rustix::io::Errno;

use super::path::{checked, entries, follow, missing, told, Base};
use crate::caps;
use crate::rpc::Reply;
use crate::status::{Code, Result, Status};

pub fn stat(tree: &OwnedFd, path: &FilePath) -> Result<FileInfo> {
    let base = Base::of(tree, path)?;
    let bytes = checked(path)?;
    let found = base
        .open(bytes, OFlags::PATH | follow(path))
        .map_err(told(bytes))?;
    info_of(&found, last_part(bytes)).map_err(told(bytes))
}

pub fn last_part(path: &[u8]) -> &[u8] {
    let mut parts = path.split(|byte| *byte == b'/').rev();
    parts.find(|part| !part.is_empty()).unwrap_or(b".")
}

/// Of what is open, by O_PATH at least.
pub fn info_of(found: &OwnedFd, name: &[u8]) -> std::result::Result<FileInfo, Errno> {
    let stat = fstat(found)?;
    let mut info = info(&stat, name);
    if info.kind == FileKind::Symlink {
        info.link = Bytes::from(readlinkat(found, "", Vec::new())?.into_bytes());
    }
    Ok(info)
}

pub fn info(stat: &Stat, name: &[u8]) -> FileInfo {
    FileInfo {
        name: Bytes::copy_from_slice(name),
        kind: match FileType::from_raw_mode(stat.st_mode) {
            FileType::RegularFile => FileKind::Regular,
            FileType::Directory => FileKind::Directory,
            FileType::Symlink => FileKind::Symlink,
            _ => FileKind::Other,
        },
        mode: stat.st_mode & 0o7777,
        size: u64::try_from(stat.st_size).unwrap_or(0),
        modified_ms: stat.st_mtime * 1000 + stat.st_mtime_nsec as i64 / 1_000_000,
        link: Bytes::new(),
    }
}

pub async fn list(tree: &OwnedFd, path: &FilePath, reply: &Reply) -> Result<()> {
    let base = Base::of(tree, path)?;
    let bytes = checked(path)?;
    let flags = OFlags::RDONLY | OFlags::DIRECTORY | follow(path);
    let directory = base.open(bytes, flags).map_err(told(bytes))?;
    reply.begin()?;
    for (count, entry) in entries(&directory).map_err(told(bytes))?.enumerate() {
        let entry = entry.map_err(told(bytes))?;
        if count > caps::LISTED {
            return Err(Status::new(
                Code::ResourceExhausted,
                format!("more than {} names in one directory", caps::LISTED),
            ));
        }
        let name = entry.file_name();
        if matches!(name.to_bytes(), b"." | b"..") {
            continue;
        }
        let stat = match statat(&directory, name, AtFlags::SYMLINK_NOFOLLOW) {
            // Removed since it was listed.
            Err(Errno::NOENT) => continue,
            stat => stat.map_err(told(bytes))?,
        };
        let mut info = info(&stat, name.to_bytes());
        if info.kind == FileKind::Symlink {
            let link = readlinkat(&directory, name, Vec::new());
            info.link = link.map_or_else(|_| Bytes::new(), |link| link.into_bytes().into());
        }
        reply.send(&info).await?;
    }
    Ok(())
}

pub fn make_directory(tree: &OwnedFd, request: &MakeDirectoryRequest) -> Result<FileInfo> {
    let path = request.file.as_ref().ok_or_else(missing)?;
    let base = Base::of(tree, path)?;
    let bytes = checked(path)?;
    if request.parents {
        make_parents(&base, bytes).map_err(told(bytes))?;
    }
    let make = || {
        let (parent, name) = base.parent(bytes)?;
        let mode = Mode::from_raw_mode(request.mode & 0o777);
        match mkdirat(&parent, name, mode) {
            Ok(()) => {
                // Whatever the umask was.
                chmodat(&parent, name, mode, AtFlags::empty())?;
                statat(&parent, name, AtFlags::SYMLINK_NOFOLLOW)
            }
            // As `mkdir -p` does.
            Err(Errno::EXIST) if request.parents => {
                let stat = statat(&parent, name, AtFlags::SYMLINK_NOFOLLOW)?;
                match FileType::from_raw_mode(stat.st_mode) {
                    FileType::Directory => Ok(stat),
                    _ => Err(Errno::EXIST),
                }
            }
            Err(errno) => Err(errno),
        }
    };
    let stat = make().map_err(told(bytes))?;
    Ok(info(&stat, last_part(bytes)))
}

/// The directories above the last part of a path.
pub fn make_parents(base: &Base, path: &[u8]) -> std::result::Result<(), Errno> {
    let slashes = path.iter().enumerate().filter(|(_, byte)| **byte == b'/');
    for (end, _) in slashes.take(caps::DEPTH + 1) {
        let part = &path[..end];
        match base.open(part, OFlags::PATH | OFlags::DIRECTORY) {
            Err(Errno::NOENT) => {
                let (parent, name) = base.parent(part)?;
                match mkdirat(&parent, name, Mode::from_raw_mode(0o755)) {
                    Ok(()) | Err(Errno::EXIST) => {}
                    Err(errno) => return Err(errno),
                }
            }
            opened => drop(opened?),
        }
    }
    Ok(())
}

pub async fn remove(tree: &OwnedFd, request: &RemoveRequest) -> Result<()> {
    let path = request.file.as_ref().ok_or_else(missing)?;
    let base = Base::of(tree, path)?;
    let bytes = checked(path)?;
    let (parent, name) = base.parent(bytes).map_err(told(bytes))?;
    let removed = match unlinkat(&parent, name, AtFlags::empty()) {
        Err(Errno::ISDIR | Errno::PERM) if request.recursive => {
            remove_tree(parent.as_fd(), name, 0).await
        }
        Err(Errno::ISDIR) => unlinkat(&parent, name, AtFlags::REMOVEDIR),
        done => done,
    };
    removed.map_err(told(bytes))
}

type Removing<'a> = Pin<Box<dyn Future<Output = std::result::Result<(), Errno>> + 'a>>;

/// By open directories only; a link is removed, never followed.
fn remove_tree<'a>(parent: BorrowedFd<'a>, name: &'a [u8], depth: usize) -> Removing<'a> {
    Box::pin(async move {
        if depth > caps::DEPTH {
            return Err(Errno::TOOBIG);
        }
        let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let directory = openat(parent, name, flags, Mode::empty())?;
        for entry in entries(&directory)? {
            let entry = entry?;
            let name = entry.file_name().to_bytes();
            if matches!(name, b"." | b"..") {
                continue;
            }
            match unlinkat(&directory, name, AtFlags::empty()) {
                Err(Errno::ISDIR | Errno::PERM) => {
                    remove_tree(directory.as_fd(), name, depth + 1).await?;
                }
                // Somebody was faster.
                Ok(()) | Err(Errno::NOENT) => {}
                Err(errno) => return Err(errno),
            }
            // A large tree is not removed in one go while others wait.
            tokio::task::yield_now().await;
        }
        unlinkat(parent, name, AtFlags::REMOVEDIR)
    })
}
