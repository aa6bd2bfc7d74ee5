//! A terminal of the sandbox's own between the program and the owner's.
//!
//! The program never gets the owner's terminal: by it, characters could be pushed into the owner's
//! shell (TIOCSTI) and its settings changed. Bytes are copied between the two; the owner's is raw
//! meanwhile, so that control characters mean what they mean inside.

use std::io;
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::sync::Arc;
use std::thread::{Builder, JoinHandle};

use rustix::fs::{openat, Mode, OFlags};
use rustix::io::{dup, retry_on_intr, Errno};
use rustix::process::ioctl_tiocsctty;
use rustix::pty::{ioctl_tiocgptpeer, unlockpt, OpenptFlags};
use rustix::stdio::{dup2_stderr, dup2_stdin, dup2_stdout, stdin, stdout};
use rustix::termios::{
    isatty, tcgetattr, tcgetwinsize, tcsetattr, tcsetwinsize, OptionalActions, Termios,
};

use crate::fault::{Fault, Outcome, Step};

const STAGE: &str = "terminal";

/// For pid 1: the master of a terminal in the new tree's own instance of devpts.
pub fn make(root: BorrowedFd<'_>) -> Outcome<OwnedFd> {
    let make = || {
        let flags = OFlags::RDWR | OFlags::NOCTTY | OFlags::CLOEXEC;
        let master = openat(root, "dev/pts/ptmx", flags, Mode::empty())?;
        unlockpt(&master)?;
        Ok(master)
    };
    make().step(STAGE, || "make a terminal".into())
}

/// For the program, in a session of its own: makes the terminal its controlling one and its stdio.
pub fn take(master: &OwnedFd) -> Outcome<()> {
    let take = || {
        let flags = OpenptFlags::RDWR | OpenptFlags::NOCTTY | OpenptFlags::CLOEXEC;
        let terminal = ioctl_tiocgptpeer(master, flags)?;
        ioctl_tiocsctty(&terminal)?;
        dup2_stdin(&terminal)?;
        dup2_stdout(&terminal)?;
        dup2_stderr(&terminal)
    };
    take().step(STAGE, || "take the terminal".into())
}

/// Refuses a plan with a terminal where the owner has none.
pub fn check() -> Outcome<()> {
    if isatty(stdin()) && isatty(stdout()) {
        return Ok(());
    }
    Err(Fault::plan(
        "command.terminal: stdin and stdout must be a terminal",
    ))
}

/// The launcher's side. Dropping it gives the owner's terminal back as it was.
pub struct Bridge {
    master: Arc<OwnedFd>,
    before: Termios,
    screen: Option<JoinHandle<()>>,
}

impl Bridge {
    /// Takes the owner's terminal and starts copying.
    pub fn start(master: OwnedFd) -> Outcome<Bridge> {
        let before = tcgetattr(stdin()).step(STAGE, || "read its settings".into())?;
        // Our own copies: 0 to 2 may be replaced.
        let copy =
            |descriptor: BorrowedFd<'_>| dup(descriptor).step(STAGE, || "copy a descriptor".into());
        let (keyboard, display) = (copy(stdin())?, copy(stdout())?);
        let master = Arc::new(master);
        // What the owner's was set to, the program finds in its own.
        tcsetattr(&*master, OptionalActions::Now, &before)
            .step(STAGE, || "set the new one".into())?;
        let mut bridge = Bridge {
            master: Arc::clone(&master),
            before,
            screen: None,
        };
        bridge.resize();
        let mut raw = bridge.before.clone();
        raw.make_raw();
        tcsetattr(stdin(), OptionalActions::Now, &raw)
            .step(STAGE, || "make the owner's raw".into())?;
        let to_screen = Arc::clone(&master);
        bridge.screen = Some(spawn("screen", move || copy_all(&*to_screen, &display))?);
        // It is left behind in its read when the program ends; our own end takes it along.
        spawn("keyboard", move || copy_all(&keyboard, &*master))?;
        Ok(bridge)
    }

    /// The owner's terminal has a new size; the kernel tells the program by SIGWINCH.
    pub fn resize(&self) {
        if let Ok(size) = tcgetwinsize(stdin()) {
            // A program in a terminal of the wrong size still works.
            let _set = tcsetwinsize(&*self.master, size);
        }
    }

    /// Returns when what the program had written last is on the screen.
    pub fn drain(&mut self) {
        if let Some(screen) = self.screen.take() {
            // A panic ends the process in our builds.
            let _ended = screen.join();
        }
    }
}

impl Drop for Bridge {
    fn drop(&mut self) {
        // A terminal that is gone cannot be set, and need not.
        let _restored = tcsetattr(stdin(), OptionalActions::Now, &self.before);
    }
}

fn spawn(name: &str, copy: impl FnOnce() + Send + 'static) -> Outcome<JoinHandle<()>> {
    let spawned = Builder::new()
        .name(name.to_owned())
        .stack_size(128 << 10)
        .spawn(copy);
    spawned.map_err(|error: io::Error| {
        let errno = Errno::from_raw_os_error(error.raw_os_error().unwrap_or(libc::EAGAIN));
        Fault::call(STAGE, "start a thread", errno)
    })
}

/// Copies until one side ends. A master whose program has closed the terminal says EIO (pty(7)).
fn copy_all(from: &impl AsFd, to: &impl AsFd) {
    let mut bytes = [0u8; 16 << 10];
    while let Ok(length @ 1..) = retry_on_intr(|| rustix::io::read(from, &mut bytes)) {
        let mut rest = &bytes[..length];
        while !rest.is_empty() {
            match retry_on_intr(|| rustix::io::write(to, rest)) {
                Ok(written) => rest = &rest[written..],
                Err(_) => return,
            }
        }
    }
}
