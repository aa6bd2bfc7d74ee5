//! Tells whether somebody else holds a file: `locked PATH` ends with 0 when it is free, 1 when an advisory
//! lock is held, 2 when opening it for writing would have to wait for a lease.

use super::unable;
use crate::sys;
use crate::sys::Errno;

pub fn run(words: &[String]) -> i32 {
    let [path] = words else {
        return unable("locked", "PATH");
    };
    match sys::open(path, libc::O_WRONLY | libc::O_NONBLOCK) {
        Err(Errno(libc::EAGAIN)) => 2,
        Err(errno) => unable("open", errno),
        Ok(fd) => match sys!(libc::SYS_flock, fd, libc::LOCK_EX | libc::LOCK_NB) {
            Ok(_) => 0,
            Err(Errno(libc::EAGAIN)) => 1,
            Err(errno) => unable("flock", errno),
        },
    }
}
