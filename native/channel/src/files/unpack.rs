//! Archives into the tree.

use std::os::fd::{AsFd, OwnedFd};

use bytes::{Buf, Bytes};
use glovebox_wire::inside::{TarInput, TarInputCase, TarResult};
use rustix::fs::{
    fchmod, linkat, mkdirat, openat, statat, symlinkat, unlinkat, utimensat, AtFlags, FileType,
    Mode, OFlags, Timespec,
};
use rustix::io::Errno;

use super::names::make_parents;
use super::path::{checked, follow, shown, told, Base};
use super::tar::{self, Block, Entry, Kind, More, BLOCK};
use super::temporary::{times, Temporary};
use super::too_much;
use crate::caps;
use crate::rpc::Inbound;
use crate::status::{Code, Result, Status};

pub async fn tar_in(tree: &OwnedFd, inbound: &mut Inbound) -> Result<TarResult> {
    let first = inbound
        .next::<TarInput>()
        .await?
        .and_then(|first| first.input);
    let Some(TarInputCase::Start(path)) = first else {
        return Err(Status::invalid("the first message must be `start`"));
    };
    let base = Base::of(tree, &path)?;
    let bytes = checked(&path)?;
    let directory = base
        .open(bytes, OFlags::PATH | OFlags::DIRECTORY | follow(&path))
        .map_err(told(bytes))?;
    let mut source = Source {
        inbound,
        part: Bytes::new(),
    };
    let mut target = Target {
        base: Base::below(directory),
        directories: Vec::new(),
        result: TarResult::default(),
    };
    let mut more = More::default();
    while let Some(block) = source.block().await? {
        match tar::read(&block).map_err(Status::invalid)? {
            Block::End => break,
            Block::Extended { kind, size } => {
                let content = source.all(size).await?;
                source.pad(size).await?;
                more.take(kind, &content).map_err(Status::invalid)?;
            }
            Block::Entry(mut entry) => {
                std::mem::take(&mut more).apply(&mut entry);
                target.result.entries += 1;
                if target.result.entries > caps::ARCHIVED {
                    return Err(too_much("an archive of more than 1,000,000 entries"));
                }
                target.make(&entry, &mut source).await?;
            }
        }
    }
    source.drain().await?;
    target.finish()
}

/// The bytes of an archive, however they were cut into messages.
struct Source<'a> {
    inbound: &'a mut Inbound,
    part: Bytes,
}

impl Source<'_> {
    /// Some bytes, at most so many; `None` at the end.
    async fn some(&mut self, most: u64) -> Result<Option<Bytes>> {
        while self.part.is_empty() {
            match self
                .inbound
                .next::<TarInput>()
                .await?
                .map(|message| message.input)
            {
                None => return Ok(None),
                Some(Some(TarInputCase::Data(data))) => self.part = data,
                Some(Some(TarInputCase::Start(_))) => {
                    return Err(Status::invalid("`start` comes once"))
                }
                Some(None) => {}
            }
        }
        let length = most.min(self.part.remaining() as u64) as usize;
        Ok(Some(self.part.split_to(length)))
    }

    async fn all(&mut self, length: u64) -> Result<Vec<u8>> {
        let mut bytes = Vec::with_capacity(length as usize);
        while (bytes.len() as u64) < length {
            let part = self.some(length - bytes.len() as u64).await?;
            bytes.extend_from_slice(&part.ok_or_else(cut)?);
        }
        Ok(bytes)
    }

    /// The next header; `None` at the end of the stream, which some archives have instead of an end.
    async fn block(&mut self) -> Result<Option<[u8; BLOCK]>> {
        let Some(first) = self.some(BLOCK as u64).await? else {
            return Ok(None);
        };
        let mut block = [0; BLOCK];
        block[..first.len()].copy_from_slice(&first);
        let rest = self.all((BLOCK - first.len()) as u64).await?;
        block[first.len()..].copy_from_slice(&rest);
        Ok(Some(block))
    }

    async fn pad(&mut self, size: u64) -> Result<()> {
        let padding = size.next_multiple_of(BLOCK as u64) - size;
        self.all(padding).await.map(drop)
    }

    async fn skip(&mut self, size: u64) -> Result<()> {
        let mut left = size;
        while left > 0 {
            left -= self.some(left).await?.ok_or_else(cut)?.len() as u64;
        }
        self.pad(size).await
    }

    /// What follows the end of an archive, zeros mostly, so that its sender is not stopped in the middle.
    async fn drain(&mut self) -> Result<()> {
        while self.some(u64::MAX).await?.is_some() {}
        Ok(())
    }
}

fn cut() -> Status {
    Status::new(Code::DataLoss, "the archive ends in the middle")
}

struct Target {
    base: Base,
    /// With what they will have at the end: nothing could be put into one without the right to write.
    directories: Vec<(Vec<u8>, u32, Timespec)>,
    result: TarResult,
}

/// Those whose mode and time are set at the end; further ones keep what they were made with.
const DIRECTORIES: usize = 65_536;

impl Target {
    async fn make(&mut self, entry: &Entry, source: &mut Source<'_>) -> Result<()> {
        let path = plain(&entry.path)?;
        if path.is_empty() {
            // "./": the directory itself, which is there.
            return source.skip(entry.size).await;
        }
        make_parents(&self.base, &path).map_err(told(&path))?;
        match entry.kind {
            Kind::Regular => self.file(entry, &path, source).await,
            Kind::Directory => self.directory(entry, path),
            Kind::Symlink => self.link(entry, &path),
            Kind::HardLink => {
                self.hard_link(entry, &path)?;
                source.skip(entry.size).await
            }
        }
    }

    async fn file(&mut self, entry: &Entry, path: &[u8], source: &mut Source<'_>) -> Result<()> {
        let (parent, name) = self.base.parent(path).map_err(told(path))?;
        let file = Temporary::new(parent.as_fd()).map_err(told(path))?;
        let mut left = entry.size;
        while left > 0 {
            let part = source.some(left).await?.ok_or_else(cut)?;
            file.write(&part).map_err(told(path))?;
            left -= part.len() as u64;
        }
        source.pad(entry.size).await?;
        file.name(name, entry.mode, Some(entry.modified), false)
            .map_err(told(path))?;
        self.result.bytes += entry.size;
        Ok(())
    }

    fn directory(&mut self, entry: &Entry, path: Vec<u8>) -> Result<()> {
        let make = || {
            let (parent, name) = self.base.parent(&path)?;
            let mode = Mode::from_raw_mode(entry.mode & 0o777 | 0o700);
            match mkdirat(&parent, name, mode) {
                Err(Errno::EXIST) => {
                    let stat = statat(&parent, name, AtFlags::SYMLINK_NOFOLLOW)?;
                    match FileType::from_raw_mode(stat.st_mode) {
                        FileType::Directory => Ok(()),
                        _ => Err(Errno::EXIST),
                    }
                }
                made => made,
            }
        };
        make().map_err(told(&path))?;
        if self.directories.len() < DIRECTORIES {
            self.directories
                .push((path, entry.mode & 0o777, entry.modified));
        }
        Ok(())
    }

    /// Holds anything: a later entry that would go out by it is refused by the kernel (RESOLVE_BENEATH), and programs of the sandbox
    /// make what links they like.
    fn link(&self, entry: &Entry, path: &[u8]) -> Result<()> {
        let make = || {
            let (parent, name) = self.base.parent(path)?;
            replace(&parent, name, || symlinkat(&entry.link[..], &parent, name))?;
            let flags = AtFlags::SYMLINK_NOFOLLOW;
            utimensat(&parent, name, &times(entry.modified), flags)
        };
        make().map_err(told(path))
    }

    /// To a file of the same directory; by its parent's descriptor, and never through a link.
    fn hard_link(&self, entry: &Entry, path: &[u8]) -> Result<()> {
        let of = plain(&entry.link)?;
        let make = || {
            let (from, old) = self.base.parent(&of)?;
            let stat = statat(&from, old, AtFlags::SYMLINK_NOFOLLOW)?;
            if FileType::from_raw_mode(stat.st_mode) != FileType::RegularFile {
                return Err(Errno::PERM);
            }
            let (parent, name) = self.base.parent(path)?;
            replace(&parent, name, || {
                linkat(&from, old, &parent, name, AtFlags::empty())
            })
        };
        make().map_err(told(path))
    }

    fn finish(self) -> Result<TarResult> {
        // The deepest first: setting a mode may close what is above.
        for (path, mode, modified) in self.directories.iter().rev() {
            let set = || {
                let (parent, name) = self.base.parent(path)?;
                utimensat(&parent, name, &times(*modified), AtFlags::SYMLINK_NOFOLLOW)?;
                let flags = OFlags::RDONLY | OFlags::DIRECTORY | OFlags::NOFOLLOW | OFlags::CLOEXEC;
                let directory = openat(&parent, name, flags, Mode::empty())?;
                // By what is open: chmod(2) by a name would follow a link.
                fchmod(directory, Mode::from_raw_mode(*mode))
            };
            set().map_err(told(path))?;
        }
        Ok(self.result)
    }
}

/// Makes a name anew; what had it goes first, unless it is a directory.
fn replace(
    parent: &OwnedFd,
    name: &[u8],
    make: impl Fn() -> std::result::Result<(), Errno>,
) -> std::result::Result<(), Errno> {
    match make() {
        Err(Errno::EXIST) => {
            unlinkat(parent, name, AtFlags::empty())?;
            make()
        }
        made => made,
    }
}

/// The parts of an entry's path, without empty ones and ".".
fn plain(path: &[u8]) -> Result<Vec<u8>> {
    let refuse = |why: &str| {
        Err(Status::new(
            Code::PermissionDenied,
            format!("{}: {why}", shown(path)),
        ))
    };
    if path.starts_with(b"/") {
        return refuse("an absolute path in an archive");
    }
    if path.contains(&0) || path.len() >= 4096 {
        return refuse("no path");
    }
    let parts: Vec<&[u8]> = path
        .split(|byte| *byte == b'/')
        .filter(|part| !matches!(*part, b"" | b"."))
        .collect();
    if parts.contains(&&b".."[..]) {
        return refuse("a path that leads out of the archive's directory");
    }
    if parts.len() > caps::DEPTH {
        return Err(too_much("a path deeper than 128 levels"));
    }
    Ok(parts.join(&b'/'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_entries_are_plain_or_refused() {
        let of = |path: &str| plain(path.as_bytes()).ok();
        assert_eq!(of("./a//b/"), Some(b"a/b".to_vec()));
        assert_eq!(of("./"), Some(Vec::new()));
        for wrong in ["/etc/passwd", "a/../../b", "..", "a\0b"] {
            assert_eq!(of(wrong), None, "{wrong}");
        }
        assert_eq!(of(&"d/".repeat(129)), None);
    }
}
