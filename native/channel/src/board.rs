//! The last denials: written by the launcher, outside, into a memory file; read by the agent, which gets it for
//! reading only.

use std::collections::VecDeque;
use std::os::fd::{AsRawFd, OwnedFd};

use bytes::{Bytes, BytesMut};
use glovebox_wire::inside::{Denial, StatsReply};
use glovebox_wire::message::Message;
use rustix::fs::{memfd_create, open, MemfdFlags, Mode, OFlags};
use rustix::io::{pread, pwrite, retry_on_intr, Result};

/// As many as `StatsReply` tells.
const KEPT: usize = 16;

/// Of a denial's subject.
const MAX_SUBJECT: usize = 512;

/// Length and checksum, by which a reader finds out that it has read while this was being written.
const HEAD: usize = 8;
const ROOM: usize = HEAD + KEPT * (MAX_SUBJECT + 128);

pub struct Board {
    file: OwnedFd,
    denials: VecDeque<Denial>,
}

impl Board {
    pub fn new() -> Result<Board> {
        Ok(Board {
            file: memfd_create("denials", MemfdFlags::CLOEXEC)?,
            denials: VecDeque::with_capacity(KEPT),
        })
    }

    /// For the agent.
    pub fn for_reading(&self) -> Result<OwnedFd> {
        let path = format!("/proc/self/fd/{}", self.file.as_raw_fd());
        open(path, OFlags::RDONLY | OFlags::CLOEXEC, Mode::empty())
    }

    /// One more; the oldest goes.
    pub fn post(&mut self, mut denial: Denial) -> Result<()> {
        denial.subject.truncate(MAX_SUBJECT);
        denial.operation.truncate(32);
        if self.denials.len() == KEPT {
            self.denials.pop_front();
        }
        self.denials.push_back(denial);
        let message = StatsReply {
            last_denials: self.denials.iter().cloned().collect(),
            ..StatsReply::default()
        };
        let mut text = BytesMut::new();
        message.encode(&mut text);
        let mut all = (text.len() as u32).to_ne_bytes().to_vec();
        all.extend(crc32fast::hash(&text).to_ne_bytes());
        all.extend(&text);
        retry_on_intr(|| pwrite(&self.file, &all, 0)).map(drop)
    }
}

/// What is on a board; nothing when it could not be read whole.
pub fn read(board: &OwnedFd) -> Vec<Denial> {
    // A second look is enough for whoever was just writing.
    (0..3).find_map(|_| read_once(board)).unwrap_or_default()
}

fn read_once(board: &OwnedFd) -> Option<Vec<Denial>> {
    let mut bytes = vec![0u8; ROOM];
    let length = pread(board, &mut bytes, 0).ok()?;
    let number = |at: usize| Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?));
    let end = HEAD.checked_add(number(0)? as usize)?;
    let text = bytes[..length].get(HEAD..end)?;
    if crc32fast::hash(text) != number(4)? {
        return None;
    }
    let message = StatsReply::decode(Bytes::copy_from_slice(text)).ok()?;
    Some(message.last_denials)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn denial(at_ms: i64) -> Denial {
        Denial {
            at_ms,
            operation: "connect".into(),
            subject: Bytes::from(vec![b'x'; 2000]),
        }
    }

    #[test]
    fn the_last_sixteen_are_there_the_newest_last() {
        let mut board = Board::new().expect("a file");
        let reading = board.for_reading().expect("the file");
        assert_eq!(read(&reading), []);
        for at in 1..=40 {
            board.post(denial(at)).expect("written");
        }
        let times: Vec<i64> = read(&reading).iter().map(|denial| denial.at_ms).collect();
        assert_eq!(times, (25..=40).collect::<Vec<_>>());
        assert_eq!(read(&reading)[0].subject.len(), MAX_SUBJECT);
        assert!(
            rustix::io::write(&reading, b"x").is_err(),
            "for reading only"
        );
    }

    #[test]
    fn what_was_read_while_it_was_written_is_not_told() {
        let mut board = Board::new().expect("a file");
        board.post(denial(1)).expect("written");
        pwrite(&board.file, b"torn", 100).expect("written");
        assert_eq!(read(&board.for_reading().expect("the file")), []);
    }
}
