//! Pipes that bytes are moved through. One is enough as long as everybody takes what comes; only a direction whose reader
//! is slower than its writer keeps one, so that a thousand idle connections cost no descriptor and no quota of pipe pages.

use std::os::fd::OwnedFd;
use std::rc::Rc;

use rustix::io::Result;
use rustix::pipe::{fcntl_setpipe_size, pipe_with, PipeFlags};

/// Kept for the next; what comes back beyond that is closed.
const SPARE: usize = 8;

/// More than the 64 KiB of a new pipe, for fewer turns of a busy stream; not the most that there may be, since all pipes of
/// the user's share a quota (pipe(7), pipe-user-pages-soft).
const CAPACITY: usize = 256 << 10;

/// The most that there may be without a privilege (pipe-max-size), for streams that go on for long: a tenth faster.
pub const LARGE: usize = 1 << 20;

/// Of the quota of 64 MiB twenty sandboxes with busy streams take 40 by these.
const MOST_LARGE: usize = 2;

pub struct Pipe {
    pub read: OwnedFd,
    pub write: OwnedFd,
    /// One of few.
    large: Option<Rc<()>>,
}

#[derive(Default)]
pub struct Pipes {
    spare: Vec<Pipe>,
    spare_large: Vec<Pipe>,
    /// Each has one: what ends with bytes in it gives its own back too.
    large: Rc<()>,
}

impl Pipes {
    /// `busy`: for a stream that has moved a lot.
    pub fn take(&mut self, busy: bool) -> Result<Pipe> {
        if busy {
            if let Some(pipe) = self.spare_large.pop() {
                return Ok(pipe);
            }
        }
        let others = Rc::strong_count(&self.large) - 1;
        let large = (busy && others < MOST_LARGE).then(|| Rc::clone(&self.large));
        if large.is_none() {
            if let Some(pipe) = self.spare.pop() {
                return Ok(pipe);
            }
        }
        let (read, write) = pipe_with(PipeFlags::CLOEXEC | PipeFlags::NONBLOCK)?;
        let capacity = if large.is_some() { LARGE } else { CAPACITY };
        // Where the user's quota is used up it stays as it is, and works.
        let _grown = fcntl_setpipe_size(&write, capacity);
        Ok(Pipe { read, write, large })
    }

    /// Empty ones only.
    pub fn give_back(&mut self, pipe: Pipe) {
        if pipe.large.is_some() {
            self.spare_large.push(pipe);
        } else if self.spare.len() < SPARE {
            self.spare.push(pipe);
        }
    }
}

#[cfg(test)]
mod tests {
    use rustix::pipe::fcntl_getpipe_size;

    use super::*;

    fn is_large(pipe: &Pipe) -> bool {
        fcntl_getpipe_size(&pipe.write).is_ok_and(|size| size > CAPACITY)
    }

    #[test]
    fn few_pipes_are_large_at_a_time_and_those_are_used_again() {
        let mut pipes = Pipes::default();
        let mut take = |busy| pipes.take(busy).expect("a pipe");
        let (idle, busy) = (take(false), [take(true), take(true), take(true)]);
        assert!(!is_large(&idle));
        assert_eq!(busy.each_ref().map(is_large), [true, true, false]);
        busy.into_iter().for_each(|pipe| pipes.give_back(pipe));
        assert!(!is_large(&pipes.take(false).expect("a pipe")));
        let again = [(); 2].map(|()| pipes.take(true).expect("a pipe"));
        assert!(again.iter().all(is_large));
        // As those of a connection that is cut.
        drop(again);
        assert!(is_large(&pipes.take(true).expect("a pipe")));
    }
}
