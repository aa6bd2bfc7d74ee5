//! What a program sends first, shown to the host and left in the socket, so that it can go either way afterwards.

use std::time::{Duration, Instant};

use glovebox_wire::egress::{FromRelay, MAX_FIRST};
use rustix::io::{retry_on_intr, Errno, Result};
use rustix::net::{recv, RecvFlags};

use crate::link::Link;
use crate::sock::Sock;

/// A greeting comes in a few pieces. One that comes byte by byte is shown now and then, since each line has all of it.
const AT_ONCE: u32 = 8;
const BETWEEN: Duration = Duration::from_millis(100);

#[derive(Default)]
pub struct Look {
    shown: usize,
    ended: bool,
    lines: u32,
    /// What has come since is shown then, all in one.
    pub again: Option<Instant>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Looked {
    Done,
    /// The host has to read first.
    Congested,
}

impl Look {
    pub fn show(
        &mut self,
        id: u64,
        program: &mut Sock,
        link: &mut Link,
        now: Instant,
    ) -> Result<Looked> {
        let too_soon = self.again.is_some_and(|again| now < again);
        if !program.readable || self.ended || self.shown == MAX_FIRST || too_soon {
            return Ok(Looked::Done);
        }
        let waited = self.again.take().is_some();
        if self.lines >= AT_ONCE && !waited {
            // By then more may have come.
            self.again = Some(now + BETWEEN);
            return Ok(Looked::Done);
        }
        if link.is_congested() {
            return Ok(Looked::Congested);
        }
        let mut bytes = [0u8; MAX_FIRST];
        let flags = RecvFlags::PEEK | RecvFlags::DONTWAIT;
        // Asked before, so that what comes with the end is not taken for all.
        let ended = program.ended;
        let length = match retry_on_intr(|| recv(&*program, &mut bytes, flags)) {
            Ok((length, _)) => length,
            Err(Errno::AGAIN) => {
                program.readable = ended;
                0
            }
            Err(errno) => return Err(errno),
        };
        let is_all = ended && length < MAX_FIRST;
        if length > self.shown || is_all {
            self.shown = length;
            self.ended = is_all;
            self.lines += 1;
            link.tell(
                id,
                &FromRelay::First {
                    bytes: &bytes[..length],
                    end: is_all,
                },
            );
        }
        Ok(Looked::Done)
    }
}
