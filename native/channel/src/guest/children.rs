//! The children of pid 1. It has to reap everybody's orphans, and would take the ends of its own launchers from those
//! who wait for them: so all are reaped in one place, and those ends are kept.

use std::cell::RefCell;
use std::collections::HashMap;
use std::os::fd::OwnedFd;

use rustix::io::Errno;
use rustix::process::Pid;

use crate::pipe::Pipe;

#[derive(Default)]
pub struct Children(RefCell<HashMap<i32, Option<i32>>>);

impl Children {
    /// To be called before anybody reaps.
    pub fn expect(&self, pid: Pid) {
        self.0.borrow_mut().insert(number(pid), None);
    }

    /// Nobody asks any more.
    pub fn forget(&self, pid: Pid) {
        self.0.borrow_mut().remove(&number(pid));
    }

    /// The status of wait(2) of an expected child that has ended.
    pub fn take(&self, pid: Pid) -> rustix::io::Result<i32> {
        if let Some(status) = self.0.borrow_mut().remove(&number(pid)).flatten() {
            return Ok(status);
        }
        wait(number(pid), 0).map(|(_, status)| status)
    }

    /// For pid 1, with a descriptor of signalfd(2) for SIGCHLD: takes in everybody, from now on.
    pub async fn reap_all(&self, signals: OwnedFd) -> std::io::Result<()> {
        let signals = Pipe::new(signals)?;
        // Several that end at once are one signal.
        let mut information = [0u8; std::mem::size_of::<libc::signalfd_siginfo>()];
        loop {
            self.reap();
            signals.read(&mut information).await?;
        }
    }

    /// Whoever has ended by now.
    pub fn reap(&self) {
        while let Ok((pid @ 1.., status)) = wait(-1, libc::WNOHANG) {
            if let Some(kept) = self.0.borrow_mut().get_mut(&pid) {
                *kept = Some(status);
            }
        }
    }
}

fn number(pid: Pid) -> i32 {
    pid.as_raw_nonzero().get()
}

fn wait(pid: i32, options: i32) -> rustix::io::Result<(i32, i32)> {
    let mut status = 0;
    rustix::io::retry_on_intr(|| {
        // SAFETY: `status` is storage of ours.
        match unsafe { libc::waitpid(pid, &mut status, options) } {
            -1 => {
                let error = std::io::Error::last_os_error();
                Err(Errno::from_io_error(&error).unwrap_or(Errno::CHILD))
            }
            ended => Ok(ended),
        }
    })
    .map(|ended| (ended, status))
}
