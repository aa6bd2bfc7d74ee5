//! Starts a program whose standard input is an open UDP socket, as a service manager may: `given PROGRAM WORD…`

use super::{become_program, unable};
use crate::sys;

pub fn run(words: &[String]) -> i32 {
    let made = sys!(libc::SYS_socket, libc::AF_INET, libc::SOCK_DGRAM, 0);
    match made
        .and_then(|fd| sys!(crate::older::SYS_dup2, fd, 0))
        .and_then(|_| become_program(words))
    {
        Ok(_) => 0,
        Err(errno) => unable("socket", errno),
    }
}
