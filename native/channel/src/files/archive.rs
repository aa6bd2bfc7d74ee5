//! Archives out of the tree and into it.

use std::future::Future;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::pin::Pin;

use bytes::{Buf, Bytes};
use glovebox_wire::inside::{FilePath, TarInput, TarInputCase, TarResult};
use rustix::fs::{
    fchmod, fstat, linkat, mkdirat, openat, readlinkat, statat, symlinkat, unlinkat, utimensat,
    AtFlags, FileType, Mode, OFlags, Stat, Timespec,
};
use rustix::io::{retry_on_intr, Errno};

use super::names::{last_part, make_parents};
use super::path::{checked, entries, follow, shown, told, Base};
use super::tar::{self, Block, Entry, Kind, More, BLOCK};
use super::temporary::{times, Temporary};
use crate::caps;
use crate::rpc::{Chunk, Inbound, Reply};
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
        let size = u64::try_from(stat.st_size).unwrap_or(0);
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

fn too_much(what: &str) -> Status {
    Status::new(Code::ResourceExhausted, what)
}

// ── In ──

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

    fn link(&self, entry: &Entry, path: &[u8]) -> Result<()> {
        if leads_out(path, &entry.link) {
            return Err(Status::new(
                Code::PermissionDenied,
                format!(
                    "{}: a link that leads out of the archive's directory",
                    shown(path)
                ),
            ));
        }
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

/// By its words alone. What it leads to by way of other links the kernel checks when it is used.
fn leads_out(path: &[u8], link: &[u8]) -> bool {
    if link.starts_with(b"/") || link.is_empty() || link.contains(&0) {
        return true;
    }
    let mut depth = path.iter().filter(|byte| **byte == b'/').count();
    for part in link.split(|byte| *byte == b'/') {
        match part {
            b"" | b"." => {}
            b".." => match depth.checked_sub(1) {
                Some(above) => depth = above,
                None => return true,
            },
            _ => depth += 1,
        }
    }
    false
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

    #[test]
    fn a_link_stays_in_the_directory() {
        let out = |path: &str, link: &str| leads_out(path.as_bytes(), link.as_bytes());
        assert!(!out("a", "b") && !out("d/a", "../b") && !out("a", "./b/../c"));
        assert!(out("a", "/etc") && out("a", "../b") && out("d/a", "../../b") && out("a", ""));
        assert!(out("d/a", "x/../../../y"));
    }
}
