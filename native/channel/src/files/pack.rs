//! Archives out of the tree.

use std::future::Future;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::pin::Pin;

use glovebox_wire::inside::FilePath;
use rustix::fs::{
    fstat, openat, readlinkat, statat, AtFlags, FileType, Mode, OFlags, Stat, Timespec,
};
use rustix::io::{retry_on_intr, Errno};

use super::names::last_part;
use super::path::{checked, entries, follow, shown, told, Base};
use super::tar::{self, Entry, Kind, BLOCK};
use super::too_much;
use crate::caps;
use crate::rpc::{Chunk, Reply};
use crate::status::{Code, Result, Status};

/// Trailing metadata: what was left out of an archive.
pub const LEFT_OUT: &str = "glovebox-left-out-bin";
/// The host takes 64 header fields and 16 KiB of them. More would end the call, and whoever fills a directory with
/// FIFOs of long names would keep it from being copied.
const MOST_LEFT_OUT: usize = 40;
const MOST_LEFT_OUT_BYTES: usize = 8 << 10;

pub async fn tar_out(tree: &OwnedFd, path: &FilePath, reply: &Reply) -> Result<Vec<Vec<u8>>> {
    let base = Base::of(tree, path)?;
    let bytes = checked(path)?;
    let found = base
        .open(bytes, OFlags::PATH | follow(path))
        .map_err(told(bytes))?;
    reply.begin()?;
    let mut writer = Writer {
        reply,
        chunk: Chunk::new(caps::CHUNK),
        filled: 0,
        entries: 0,
        left_out: LeftOut::default(),
    };
    let name = last_part(bytes).to_vec();
    let stat = fstat(&found).map_err(told(bytes))?;
    // By way of its parent, where it has a name there; the root of the tree has none.
    match FileType::from_raw_mode(stat.st_mode) {
        FileType::Directory => {
            let directory = base
                .open(bytes, OFlags::RDONLY | OFlags::DIRECTORY)
                .map_err(told(bytes))?;
            writer.directory(directory, &stat, name, 0).await?;
        }
        FileType::RegularFile => {
            let file = base
                .open(bytes, OFlags::RDONLY | OFlags::NONBLOCK)
                .map_err(told(bytes))?;
            if content_size(&file).map_err(told(bytes))?.is_none() {
                return Err(Status::invalid(format!(
                    "{}: has no size before it is read, as most files of /proc: let `cat` read it inside",
                    shown(bytes)
                )));
            }
            writer.file(file, name).await?;
        }
        FileType::Symlink => {
            let link = readlinkat(&found, "", Vec::new()).map_err(told(bytes))?;
            writer
                .head(&entry_of(&stat, Kind::Symlink, name, link.into_bytes()))
                .await?;
        }
        _ => return Err(Status::invalid(format!("{}: has no content", shown(bytes)))),
    }
    writer.end().await
}

struct Writer<'a> {
    reply: &'a Reply,
    chunk: Chunk,
    filled: usize,
    entries: u64,
    left_out: LeftOut,
}

/// Names as many as there is room for, and counts the others.
#[derive(Default)]
struct LeftOut {
    named: Vec<Vec<u8>>,
    bytes: usize,
    more: u64,
}

impl LeftOut {
    fn add(&mut self, mut path: Vec<u8>) {
        path.truncate(1024);
        if self.named.len() < MOST_LEFT_OUT && self.bytes + path.len() <= MOST_LEFT_OUT_BYTES {
            self.bytes += path.len();
            self.named.push(path);
        } else {
            self.more += 1;
        }
    }

    fn told(mut self) -> Vec<Vec<u8>> {
        if self.more > 0 {
            self.named
                .push(format!("(and {} more)", self.more).into_bytes());
        }
        self.named
    }
}

type Writing<'a> = Pin<Box<dyn Future<Output = Result<()>> + 'a>>;

impl<'a> Writer<'a> {
    fn directory<'b>(
        &'b mut self,
        directory: OwnedFd,
        stat: &'b Stat,
        path: Vec<u8>,
        depth: usize,
    ) -> Writing<'b> {
        Box::pin(async move {
            if depth > caps::DEPTH {
                return Err(too_much("a tree deeper than 128 levels"));
            }
            let mut name = path.clone();
            name.push(b'/');
            self.head(&entry_of(stat, Kind::Directory, name, Vec::new()))
                .await?;
            for entry in entries(&directory).map_err(told(&path))? {
                let entry = entry.map_err(told(&path))?;
                let name = entry.file_name();
                if matches!(name.to_bytes(), b"." | b"..") {
                    continue;
                }
                let below = [&path[..], b"/", name.to_bytes()].concat();
                self.one(directory.as_fd(), name, below, depth).await?;
            }
            Ok(())
        })
    }

    async fn one(
        &mut self,
        parent: BorrowedFd<'_>,
        name: &std::ffi::CStr,
        path: Vec<u8>,
        depth: usize,
    ) -> Result<()> {
        let stat = match statat(parent, name, AtFlags::SYMLINK_NOFOLLOW) {
            // Removed since it was listed.
            Err(Errno::NOENT) => return Ok(()),
            stat => stat.map_err(told(&path))?,
        };
        let flags = OFlags::RDONLY | OFlags::NOFOLLOW | OFlags::NONBLOCK | OFlags::CLOEXEC;
        match FileType::from_raw_mode(stat.st_mode) {
            FileType::Directory => {
                match openat(parent, name, flags | OFlags::DIRECTORY, Mode::empty()) {
                    Ok(directory) => self.directory(directory, &stat, path, depth + 1).await,
                    Err(errno) => self.skip(errno, path),
                }
            }
            FileType::RegularFile => match openat(parent, name, flags, Mode::empty()) {
                Ok(file) => self.file(file, path).await,
                Err(errno) => self.skip(errno, path),
            },
            FileType::Symlink => match readlinkat(parent, name, Vec::new()) {
                Ok(link) => {
                    let entry = entry_of(&stat, Kind::Symlink, path, link.into_bytes());
                    self.head(&entry).await
                }
                Err(errno) => self.skip(errno, path),
            },
            _ => {
                self.left_out.add(path);
                Ok(())
            }
        }
    }

    /// What may not be read, or has just become something else, is left out and named.
    fn skip(&mut self, errno: Errno, path: Vec<u8>) -> Result<()> {
        match errno {
            Errno::ACCESS
            | Errno::PERM
            | Errno::NOENT
            | Errno::LOOP
            | Errno::NOTDIR
            | Errno::NXIO => {
                self.left_out.add(path);
                Ok(())
            }
            errno => Err(Status::of(&shown(&path), errno)),
        }
    }

    async fn file(&mut self, file: OwnedFd, path: Vec<u8>) -> Result<()> {
        let stat = fstat(&file).map_err(told(&path))?;
        if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
            self.left_out.add(path);
            return Ok(());
        }
        let Some(size) = content_size(&file).map_err(told(&path))? else {
            self.left_out.add(path);
            return Ok(());
        };
        let entry = Entry {
            size,
            ..entry_of(&stat, Kind::Regular, path, Vec::new())
        };
        self.head(&entry).await?;
        let mut at = 0;
        while at < size {
            let wanted = (size - at).min((caps::CHUNK - self.filled) as u64) as usize;
            let filled = self.filled;
            let space = &mut self.chunk.space()[filled..filled + wanted];
            let length = retry_on_intr(|| rustix::io::pread(&file, &mut *space, at))
                .map_err(told(&entry.path))?;
            if length == 0 {
                return Err(Status::new(
                    Code::Aborted,
                    format!("{}: became shorter while it was read", shown(&entry.path)),
                ));
            }
            at += length as u64;
            self.filled += length;
            self.flush_full().await?;
        }
        let padding = size.next_multiple_of(BLOCK as u64) - size;
        self.put(&[0; BLOCK][..padding as usize]).await
    }

    async fn head(&mut self, entry: &Entry) -> Result<()> {
        self.entries += 1;
        if self.entries > caps::ARCHIVED {
            return Err(too_much("an archive of more than 1,000,000 entries"));
        }
        self.put(&tar::write(entry)).await
    }

    async fn put(&mut self, mut bytes: &[u8]) -> Result<()> {
        while !bytes.is_empty() {
            let length = bytes.len().min(caps::CHUNK - self.filled);
            let filled = self.filled;
            self.chunk.space()[filled..filled + length].copy_from_slice(&bytes[..length]);
            self.filled += length;
            bytes = &bytes[length..];
            self.flush_full().await?;
        }
        Ok(())
    }

    async fn flush_full(&mut self) -> Result<()> {
        match self.filled == caps::CHUNK {
            true => self.flush().await,
            false => Ok(()),
        }
    }

    async fn flush(&mut self) -> Result<()> {
        let chunk = std::mem::replace(&mut self.chunk, Chunk::new(caps::CHUNK));
        let length = std::mem::take(&mut self.filled);
        match length {
            0 => Ok(()),
            length => self.reply.send_frame(chunk.framed(1, length)).await,
        }
    }

    async fn end(mut self) -> Result<Vec<Vec<u8>>> {
        self.put(&[0; 2 * BLOCK]).await?;
        self.flush().await?;
        Ok(self.left_out.told())
    }
}

/// How much is to be read. None for what the kernel makes while it is read (proc(5)): it says 0 and has more, and an archive names
/// the size first.
fn content_size(file: &OwnedFd) -> rustix::io::Result<Option<u64>> {
    let size = |file| Ok(u64::try_from(fstat(file)?.st_size).unwrap_or(0));
    let told = size(file)?;
    // Some of the kernel's cannot be read at all (`/proc/PID/mem`).
    if told > 0 || retry_on_intr(|| rustix::io::pread(file, &mut [0], 0)) == Ok(0) {
        return Ok(Some(told));
    }
    // Unless somebody has just written to it.
    Ok(Some(size(file)?).filter(|&size| size > 0))
}

fn entry_of(stat: &Stat, kind: Kind, path: Vec<u8>, link: Vec<u8>) -> Entry {
    Entry {
        path,
        kind,
        mode: stat.st_mode & 0o777,
        size: 0,
        modified: Timespec {
            tv_sec: stat.st_mtime,
            tv_nsec: stat.st_mtime_nsec as _,
        },
        link,
    }
}

// ── In ──

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_was_left_out_fits_into_the_headers_that_the_host_takes() {
        let mut left_out = LeftOut::default();
        for number in 0..500 {
            left_out.add(vec![b'x'; 30 * (number % 60)]);
        }
        let told = left_out.told();
        let (last, named) = told.split_last().expect("some");
        // A field counts 32 more than its name and value (RFC 9113, 10.5.1).
        let size: usize = told
            .iter()
            .map(|path| LEFT_OUT.len() + 32 + path.len().div_ceil(3) * 4)
            .sum();
        assert!(told.len() < 60 && size < 15 << 10, "{size}");
        assert_eq!(
            *last,
            format!("(and {} more)", 500 - named.len()).into_bytes()
        );
        let mut few = LeftOut::default();
        few.add(b"pipe".to_vec());
        assert_eq!(few.told(), [b"pipe".to_vec()]);
    }
}
