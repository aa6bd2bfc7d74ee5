//! The status descriptor. A reader that is slow makes us wait; one that is gone ends the sandbox.

use std::os::fd::{AsFd, OwnedFd};
use std::sync::Mutex;

use glovebox_wire::Status;
use rustix::event::{poll, PollFd, PollFlags};
use rustix::io::Errno;

/// No more than this goes into one write: a pipe that polls writable takes PIPE_BUF bytes without
/// blocking (pipe(7)), and a Unix socket that does has more room than that.
const CHUNK: usize = 4096;

/// The reader or the owner is gone, so what is done next would be done without a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NobodyReads;

pub struct Report {
    status: Mutex<OwnedFd>,
    /// Never read here; its hang-up means that the owner is gone.
    owner: OwnedFd,
}

impl Report {
    pub fn new(status: OwnedFd, owner: OwnedFd) -> Report {
        Report {
            status: Mutex::new(status),
            owner,
        }
    }

    /// Returns when the line is with the reader. Lines of several threads do not mix.
    pub fn write(&self, status: &Status) -> Result<(), NobodyReads> {
        self.write_line(&status.to_line())
    }

    /// A line that is made already, newline included.
    pub fn write_line(&self, line: &[u8]) -> Result<(), NobodyReads> {
        let descriptor = self.status.lock().map_err(|_| NobodyReads)?;
        for chunk in line.chunks(CHUNK) {
            self.write_chunk(&descriptor, chunk)?;
        }
        Ok(())
    }

    fn write_chunk(&self, descriptor: &OwnedFd, chunk: &[u8]) -> Result<(), NobodyReads> {
        let mut rest = chunk;
        while !rest.is_empty() {
            self.wait_for_room(descriptor)?;
            match rustix::io::write(descriptor, rest) {
                Ok(length) => rest = &rest[length..],
                Err(Errno::AGAIN | Errno::INTR) => {}
                Err(_) => return Err(NobodyReads),
            }
        }
        Ok(())
    }

    fn wait_for_room(&self, descriptor: &OwnedFd) -> Result<(), NobodyReads> {
        let mut descriptors = [
            PollFd::new(descriptor, PollFlags::OUT),
            PollFd::from_borrowed_fd(self.owner.as_fd(), PollFlags::empty()),
        ];
        loop {
            match poll(&mut descriptors, None) {
                Err(Errno::INTR) => continue,
                Err(_) => return Err(NobodyReads),
                Ok(_) => {}
            }
            if descriptors[0].revents().contains(PollFlags::OUT) {
                return Ok(());
            }
            return Err(NobodyReads);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use glovebox_wire::{LimitHit, LimitKind};
    use rustix::pipe::{fcntl_setpipe_size, pipe};

    fn a_line(length: usize) -> Status {
        Status::Limit(LimitHit {
            limit: LimitKind::Time,
            detail: "x".repeat(length),
        })
    }

    #[test]
    fn a_reader_that_is_gone_is_told() {
        let (status_read, status) = pipe().expect("a pipe");
        let (owner, _owner_write) = pipe().expect("a pipe");
        drop(status_read);
        assert_eq!(
            Report::new(status, owner).write(&a_line(1)),
            Err(NobodyReads)
        );
    }

    #[test]
    fn an_owner_who_leaves_frees_a_writer_that_waits_for_room() {
        let (_status_read, status) = pipe().expect("a pipe");
        fcntl_setpipe_size(&status, 4096).expect("the smallest pipe");
        let (owner, owner_write) = pipe().expect("a pipe");
        let report = Report::new(status, owner);
        std::thread::scope(|scope| {
            let writer = scope.spawn(|| report.write(&a_line(100_000)));
            drop(owner_write);
            assert_eq!(writer.join().ok(), Some(Err(NobodyReads)));
        });
    }

    #[test]
    fn a_slow_reader_gets_every_byte() {
        let (status_read, status) = pipe().expect("a pipe");
        fcntl_setpipe_size(&status, 4096).expect("the smallest pipe");
        let (owner, _owner_write) = pipe().expect("a pipe");
        let report = Report::new(status, owner);
        let expected = a_line(100_000).to_line();
        let wanted = expected.len();
        let reader = std::thread::spawn(move || {
            let mut bytes = Vec::new();
            let mut chunk = [0u8; 777];
            while bytes.len() < wanted {
                let length = rustix::io::read(&status_read, &mut chunk).expect("a read");
                bytes.extend_from_slice(&chunk[..length]);
            }
            bytes
        });
        assert_eq!(report.write(&a_line(100_000)), Ok(()));
        assert_eq!(reader.join().ok(), Some(expected));
    }
}
