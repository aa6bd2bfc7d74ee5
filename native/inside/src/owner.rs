//! The plan descriptor: one plan, then commands, then the end of the file, which is the owner's end.

use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use glovebox_wire::{Command, Plan};
use rustix::io::Errno;

use crate::fault::{Fault, Outcome};

/// The longest line that is read.
const MAX_LINE: usize = 4 << 20;

pub struct Owner {
    descriptor: OwnedFd,
    buffer: Vec<u8>,
    /// How much of `buffer` holds no newline.
    searched: usize,
}

/// What the owner said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Word {
    Do(Command),
    /// It is gone, or said what cannot be understood; either way nobody steers any more.
    Gone,
}

impl Owner {
    pub fn new(descriptor: OwnedFd) -> Owner {
        Owner {
            descriptor,
            buffer: Vec::with_capacity(16 << 10),
            searched: 0,
        }
    }

    pub fn plan(&mut self) -> Outcome<Plan> {
        loop {
            if let Some(line) = self.take_line() {
                return Plan::parse(&line).map_err(|error| Fault::plan(error.to_string()));
            }
            if !self
                .fill()
                .map_err(|errno| Fault::call("plan", "read the plan", errno))?
            {
                return Err(Fault::plan("the plan descriptor ended before the plan did"));
            }
        }
    }

    /// What came with the plan: the descriptor is not readable for it again.
    pub fn words_so_far(&mut self) -> Vec<Word> {
        let mut words = Vec::new();
        while let Some(line) = self.take_line() {
            words.push(Command::parse(&line).map_or(Word::Gone, Word::Do));
        }
        words
    }

    /// To be called when the descriptor is readable or hung up; none when no whole line is there yet.
    pub fn words(&mut self) -> Vec<Word> {
        let alive = matches!(self.fill(), Ok(true));
        let mut words = self.words_so_far();
        if !alive {
            words.push(Word::Gone);
        }
        words
    }

    /// Reads once; false at the end of the file.
    fn fill(&mut self) -> Result<bool, Errno> {
        if self.buffer.len() >= MAX_LINE {
            return Err(Errno::MSGSIZE);
        }
        let mut chunk = [0u8; 16 << 10];
        let length = rustix::io::retry_on_intr(|| rustix::io::read(&self.descriptor, &mut chunk))?;
        self.buffer.extend_from_slice(&chunk[..length]);
        Ok(length > 0)
    }

    fn take_line(&mut self) -> Option<Vec<u8>> {
        let offset = self.buffer[self.searched..]
            .iter()
            .position(|byte| *byte == b'\n');
        let Some(offset) = offset else {
            self.searched = self.buffer.len();
            return None;
        };
        let rest = self.buffer.split_off(self.searched + offset + 1);
        let mut line = std::mem::replace(&mut self.buffer, rest);
        self.searched = 0;
        line.pop();
        Some(line)
    }
}

impl AsFd for Owner {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.descriptor.as_fd()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::pipe::pipe;

    const SMALL: &str = include_str!("../../wire/fixtures/plan-small.json");

    fn line_of(plan: &str) -> String {
        plan.replace('\n', "") + "\n"
    }

    fn owner_who_said(parts: &[&str]) -> Owner {
        let (read, write) = pipe().expect("a pipe");
        for part in parts {
            rustix::io::write(&write, part.as_bytes()).expect("it fits");
        }
        Owner::new(read)
    }

    #[test]
    fn commands_in_the_same_write_as_the_plan_are_kept() {
        let mut owner = owner_who_said(&[&line_of(SMALL), "{\"do\":\"stop\"}\n{\"do\""]);
        assert_eq!(owner.plan().map(|plan| plan.id), Ok("true".to_owned()));
        assert_eq!(owner.words_so_far(), [Word::Do(Command::Stop)]);
        assert_eq!(owner.words(), [Word::Gone]);
    }

    #[test]
    fn a_plan_that_ends_early_is_no_plan() {
        let mut owner = owner_who_said(&["{\"schema\":"]);
        assert_eq!(
            owner.plan().map_err(|fault| fault.message),
            Err("the plan descriptor ended before the plan did".to_owned())
        );
    }

    #[test]
    fn an_owner_who_cannot_be_understood_is_gone() {
        let mut owner = owner_who_said(&["{\"do\":\"dance\"}\n"]);
        assert_eq!(owner.words()[0], Word::Gone);
    }

    #[test]
    fn a_line_without_an_end_is_not_read_for_ever() {
        let (read, write) = pipe().expect("a pipe");
        let writer = std::thread::spawn(move || {
            let chunk = vec![b'x'; 1 << 16];
            while rustix::io::write(&write, &chunk).is_ok() {}
        });
        let mut owner = Owner::new(read);
        let message = owner.plan().map_err(|fault| fault.message);
        assert!(message.is_err_and(|message| message.contains("read the plan")));
        drop(owner);
        assert!(writer.join().is_ok());
    }
}
