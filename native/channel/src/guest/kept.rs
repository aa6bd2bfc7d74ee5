//! A sandbox between two hosts: what makes a template brings it up and has it kept, and what a clone of that belongs to
//! takes it up. Between the two it is nobody's but the guest's, and nothing of it runs: what would be drawn or written down in between
//! would be the same in all clones.

use std::time::Duration;

use tokio::time::{sleep, Instant};

use super::start::Running;
use super::Guest;
use crate::rpc::{Inbound, Reply};
use crate::status::{Code, Result, Status};

/// A process stands still at its next way out of the kernel: in a moment, but for one that waits for a disk or swaps.
const PATIENCE: Duration = Duration::from_secs(20);
/// A control group says that it is frozen by a file alone.
const AGAIN: Duration = Duration::from_millis(1);

impl Guest {
    /// Nothing of the machine's sandbox runs when this is done, and the machine is nobody's.
    pub(super) async fn stand_still(&self) -> Result<()> {
        // All of them would stand, and one alone be taken up.
        if self.running.borrow().len() != 1 {
            return Err(Status::new(
                Code::FailedPrecondition,
                "keep: the machine has other sandboxes",
            ));
        }
        // First: whoever goes on from here on is a clone.
        self.identified.set(0);
        self.stands.set(true);
        self.machine.freeze(true)?;
        let until = Instant::now() + PATIENCE;
        while !self.machine.is_frozen()? {
            if Instant::now() >= until {
                return Err(Status::new(
                    Code::Unavailable,
                    "keep: a process of the sandbox does not stand still",
                ));
            }
            sleep(AGAIN).await;
        }
        Ok(())
    }

    pub(super) fn keep(&self, running: Running) {
        *self.kept.borrow_mut() = Some(running);
    }

    /// Whatever is started beside one that stands would stand too.
    pub(super) fn must_keep_nothing(&self) -> Result<()> {
        match *self.kept.borrow() {
            None => Ok(()),
            Some(_) => Err(Status::new(
                Code::FailedPrecondition,
                "a sandbox waits here for Resume",
            )),
        }
    }

    /// For a sandbox of its own: one that was to be kept, and ended or lost its host instead, has left its standstill behind.
    pub(super) fn end_standstill(&self) -> Result<()> {
        match self.stands.replace(false) {
            true => self.machine.freeze(false),
            false => Ok(()),
        }
    }

    /// As Start, from where the sandbox stands.
    pub async fn resume(&self, inbound: &mut Inbound, reply: &Reply) -> Result<()> {
        self.must_be_identified()?;
        let kept = self.kept.borrow_mut().take();
        let running =
            kept.ok_or_else(|| Status::new(Code::NotFound, "no sandbox has been kept here"))?;
        self.end_standstill()?;
        reply.begin()?;
        self.carry(running, inbound, reply).await
    }
}
