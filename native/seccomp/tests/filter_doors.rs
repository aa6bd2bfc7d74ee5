//! Other doors into the kernel, and the end of the listener.

mod common;

use common::{confine, in_child, End};
use glovebox_seccomp::{Filter, FilterOptions};
use libc::*;

fn plain() -> Filter {
    Filter::compile(&FilterOptions::default())
}

#[test]
#[cfg(target_arch = "x86_64")]
fn x32_calls_end_the_process() {
    let filter = plain();
    let end = in_child(|| match confine(&filter) {
        Ok(_listener) => common::errno_of(0x4000_0000 | SYS_getpid, [0; 6]),
        Err(_) => 255,
    });
    assert_eq!(end, End::Signal(SIGSYS));
}

#[test]
#[cfg(target_arch = "x86_64")]
fn calls_by_the_32_bit_entry_end_the_process() {
    let filter = plain();
    let end = in_child(|| match confine(&filter) {
        Ok(_listener) => {
            let mut result: i64 = 20; // getpid of i386
                                      // SAFETY: the interrupt enters the kernel's 32-bit table; getpid touches no memory.
            unsafe { std::arch::asm!("int 0x80", inout("rax") result) };
            i32::from(result < 0)
        }
        Err(_) => 255,
    });
    assert_eq!(end, End::Signal(SIGSYS));
}

#[test]
fn a_child_without_a_supervisor_gets_no_further() {
    let filter = plain();
    // The listener is closed before the call: nobody can ever answer, and the kernel says so.
    let end = in_child(|| match confine(&filter) {
        Ok(listener) => {
            drop(listener);
            common::errno_of(SYS_connect, [0; 6])
        }
        Err(_) => 255,
    });
    assert_eq!(end, End::Code(ENOSYS));
}

#[test]
fn the_listener_does_not_survive_an_execve() {
    let filter = plain();
    let end = in_child(|| match confine(&filter) {
        Ok(listener) => {
            use std::os::fd::AsRawFd;
            // SAFETY: asks for the flags of a descriptor of ours.
            let flags = unsafe { fcntl(listener.as_raw_fd(), F_GETFD) };
            i32::from(flags & FD_CLOEXEC == 0)
        }
        Err(_) => 255,
    });
    assert_eq!(end, End::Code(0));
}
