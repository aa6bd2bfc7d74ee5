//! Waits until nobody reads any more what is written to a descriptor, which Node cannot ask of a descriptor that it writes to.
//!
//! The write end of a pipe that lost its last reader, and a socket whose peer is gone, are in error for poll(2) without being
//! asked for anything (`POLLERR`, `POLLHUP`). A file never is; a terminal is when it hangs up.

use rustix::event::{poll, PollFd, PollFlags};
use rustix::io::Errno;
use rustix::stdio::stdin;
use std::os::fd::{AsFd, OwnedFd};

/// Returns as well when our owner closes our stdin, or has ended: nobody wants to know any more.
pub fn await_end(of: &OwnedFd) -> i32 {
    let mut watched = [
        PollFd::from_borrowed_fd(stdin(), PollFlags::empty()),
        PollFd::from_borrowed_fd(of.as_fd(), PollFlags::empty()),
    ];
    loop {
        match poll(&mut watched, None) {
            Ok(_) => return 0,
            Err(Errno::INTR) => {}
            Err(errno) => {
                eprintln!("glovebox-inside: poll: {errno}");
                return 1;
            }
        }
    }
}
