//! Pipes that bytes are moved through. One is enough as long as everybody takes what comes; only a direction whose reader
//! is slower than its writer keeps one, so that a thousand idle connections cost no descriptor and no quota of pipe pages.

use std::os::fd::OwnedFd;

use rustix::io::Result;
use rustix::pipe::{fcntl_setpipe_size, pipe_with, PipeFlags};

/// Kept for the next; what comes back beyond that is closed.
const SPARE: usize = 8;

/// More than the 64 KiB of a new pipe, for fewer turns of a busy stream; not the most that there may be, since all pipes of
/// the user's share a quota (pipe(7), pipe-user-pages-soft).
pub const CAPACITY: usize = 256 << 10;

pub struct Pipe {
    pub read: OwnedFd,
    pub write: OwnedFd,
}

#[derive(Default)]
pub struct Pipes {
    spare: Vec<Pipe>,
}

impl Pipes {
    pub fn take(&mut self) -> Result<Pipe> {
        if let Some(pipe) = self.spare.pop() {
            return Ok(pipe);
        }
        let (read, write) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
        // Where the user's quota is used up it stays as it is, and works.
        let _grown = fcntl_setpipe_size(&write, CAPACITY);
        Ok(Pipe { read, write })
    }

    /// Empty ones only.
    pub fn give_back(&mut self, pipe: Pipe) {
        if self.spare.len() < SPARE {
            self.spare.push(pipe);
        }
    }
}
