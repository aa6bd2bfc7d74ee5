//! Waits until nobody reads our stdout any more, which Node cannot ask of a descriptor that it writes to.
//!
//! The write end of a pipe that lost its last reader, and a socket whose peer is gone, are in error for poll(2) without being
//! asked for anything (`POLLERR`, `POLLHUP`). A file never is; a terminal is when it hangs up.

use rustix::event::{poll, PollFd, PollFlags};
use rustix::io::Errno;
use rustix::stdio::{stdin, stdout};

/// Returns as well when our owner closes our stdin, or has ended: nobody wants to know any more.
pub fn await_end() -> i32 {
    let mut watched = [
        PollFd::from_borrowed_fd(stdin(), PollFlags::empty()),
        PollFd::from_borrowed_fd(stdout(), PollFlags::empty()),
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
