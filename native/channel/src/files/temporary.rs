//! A file that has no name of its own yet.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::fs::{
    fchmod, futimens, openat, renameat_with, unlinkat, AtFlags, Mode, OFlags, RenameFlags,
    Timespec, Timestamps,
};
use rustix::io::{retry_on_intr, Errno};
use rustix::rand::{getrandom, GetRandomFlags};

type Result<T> = std::result::Result<T, Errno>;

/// Written beside the name that it will have; gone when it is dropped before that.
pub struct Temporary<'a> {
    parent: BorrowedFd<'a>,
    name: String,
    file: OwnedFd,
    is_named: bool,
}

impl<'a> Temporary<'a> {
    pub fn new(parent: BorrowedFd<'a>) -> Result<Temporary<'a>> {
        let mut random = [0u8; 8];
        retry_on_intr(|| getrandom(&mut random, GetRandomFlags::empty()))?;
        let name = format!(".glovebox-{:016x}", u64::from_ne_bytes(random));
        let flags =
            OFlags::WRONLY | OFlags::CREATE | OFlags::EXCL | OFlags::NOFOLLOW | OFlags::CLOEXEC;
        let file = openat(parent, name.as_str(), flags, Mode::from_raw_mode(0o600))?;
        Ok(Temporary {
            parent,
            name,
            file,
            is_named: false,
        })
    }

    pub fn write(&self, mut bytes: &[u8]) -> Result<()> {
        while !bytes.is_empty() {
            let written = retry_on_intr(|| rustix::io::write(&self.file, bytes))?;
            bytes = &bytes[written..];
        }
        Ok(())
    }

    /// Gives it its name, in one step; whatever had it is replaced, unless it is to be the first.
    pub fn name(
        mut self,
        name: &[u8],
        mode: u32,
        modified: Option<Timespec>,
        first: bool,
    ) -> Result<OwnedFd> {
        fchmod(&self.file, Mode::from_raw_mode(mode & 0o777))?;
        if let Some(modified) = modified {
            futimens(&self.file, &times(modified))?;
        }
        let how = match first {
            true => RenameFlags::NOREPLACE,
            false => RenameFlags::empty(),
        };
        renameat_with(self.parent, self.name.as_str(), self.parent, name, how)?;
        self.is_named = true;
        rustix::io::fcntl_dupfd_cloexec(&self.file, 3)
    }
}

impl AsFd for Temporary<'_> {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

impl Drop for Temporary<'_> {
    fn drop(&mut self) {
        if !self.is_named {
            // Removed by somebody else already, or the directory with it.
            let _removed = unlinkat(self.parent, self.name.as_str(), AtFlags::empty());
        }
    }
}

pub fn times(modified: Timespec) -> Timestamps {
    Timestamps {
        last_access: modified,
        last_modification: modified,
    }
}

pub fn of_ms(ms: i64) -> Timespec {
    Timespec {
        tv_sec: ms.div_euclid(1000),
        tv_nsec: (ms.rem_euclid(1000) * 1_000_000) as _,
    }
}
