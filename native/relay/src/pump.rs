//! One direction of a connection: bytes go from a socket through a pipe to another without being copied (splice(2)). What
//! the one does not take is not read from the other, so that a slow reader slows its writer and nobody else.

use std::os::fd::AsFd;

use rustix::io::{retry_on_intr, Errno, Result};
use rustix::net::{shutdown, Shutdown};
use rustix::pipe::{splice, SpliceFlags};

use crate::budget::{Budget, Grant};
use crate::pipes::{Pipe, Pipes, LARGE};
use crate::sock::Sock;

/// As much moves before it is somebody else's turn.
const TURN: u64 = 4 << 20;

/// What has moved more is a stream, and no conversation.
const BUSY: u64 = 4 << 20;

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// Until a socket can do more.
    Waits,
    /// There is more to do at once.
    Again,
    /// Until there are bytes to spend again.
    Throttled,
    /// All that may ever move has moved.
    Spent,
    /// The writer has ended, and the reader knows it.
    Over,
}

#[derive(Default)]
pub struct Pump {
    /// With what is in it; none while there is nothing.
    pipe: Option<(Pipe, usize)>,
    /// Bytes that have arrived.
    pub moved: u64,
    /// The writer has ended.
    pub ended: bool,
    /// The reader has been told so.
    pub over: bool,
}

/// What moving takes besides the sockets.
pub struct Means<'a> {
    pub pipes: &'a mut Pipes,
    pub budget: &'a mut Budget,
}

impl Pump {
    pub fn run(&mut self, from: &mut Sock, to: &mut Sock, means: &mut Means<'_>) -> Result<Turn> {
        let mut left = TURN;
        loop {
            if self.pipe.is_some() {
                if !self.drain(to, means.pipes)? {
                    return Ok(Turn::Waits);
                }
                continue;
            }
            if self.ended {
                if !self.over {
                    self.over = true;
                    shutdown(&*to, Shutdown::Write)?;
                }
                return Ok(Turn::Over);
            }
            if left == 0 {
                return Ok(Turn::Again);
            }
            if !from.readable {
                return Ok(Turn::Waits);
            }
            let most = match means.budget.ask(left.min(LARGE as u64)) {
                Grant::Bytes(most) => most,
                Grant::Later => return Ok(Turn::Throttled),
                Grant::Never => return Ok(Turn::Spent),
            };
            let taken = self.fill(from, most, means.pipes)?;
            means.budget.spend(taken);
            left -= taken;
        }
    }

    /// What is under way arrives nowhere.
    pub fn forget(&mut self) {
        self.pipe = None;
    }

    /// False: the reader takes no more for now.
    fn drain(&mut self, to: &mut Sock, pipes: &mut Pipes) -> Result<bool> {
        let Some((pipe, mut left)) = self.pipe.take() else {
            return Ok(true);
        };
        while left > 0 && to.writable {
            match move_bytes(&pipe.read, &*to, left) {
                Ok(moved) => {
                    left -= moved;
                    self.moved += moved as u64;
                }
                Err(Errno::AGAIN) => to.writable = false,
                Err(errno) => return Err(errno),
            }
        }
        if left > 0 {
            self.pipe = Some((pipe, left));
            return Ok(false);
        }
        pipes.give_back(pipe);
        Ok(true)
    }

    fn fill(&mut self, from: &mut Sock, most: u64, pipes: &mut Pipes) -> Result<u64> {
        let pipe = pipes.take(self.moved > BUSY)?;
        match move_bytes(&*from, &pipe.write, most as usize) {
            Ok(0) => {
                self.ended = true;
                pipes.give_back(pipe);
                Ok(0)
            }
            Ok(taken) => {
                self.pipe = Some((pipe, taken));
                Ok(taken as u64)
            }
            Err(Errno::AGAIN) => {
                from.readable = false;
                pipes.give_back(pipe);
                Ok(0)
            }
            Err(errno) => Err(errno),
        }
    }
}

fn move_bytes(from: impl AsFd, to: impl AsFd, most: usize) -> Result<usize> {
    let flags = SpliceFlags::MOVE | SpliceFlags::NONBLOCK;
    retry_on_intr(|| splice(&from, None, &to, None, most, flags))
}
