//! The one interface of the empty network namespace.

use std::os::fd::AsRawFd;

use rustix::net::{socket_with, AddressFamily, SocketFlags, SocketType};

use crate::fault::{Outcome, Step};
use crate::kernel::checked;

/// Brings `lo` up (netdevice(7)); 127.0.0.1 and ::1 come with it.
pub fn bring_up() -> Outcome<()> {
    let set = || {
        let socket = socket_with(
            AddressFamily::INET,
            SocketType::DGRAM,
            SocketFlags::CLOEXEC,
            None,
        )?;
        // SAFETY: an all-zero ifreq is valid.
        let mut request: libc::ifreq = unsafe { std::mem::zeroed() };
        request.ifr_name[0] = b'l' as libc::c_char;
        request.ifr_name[1] = b'o' as libc::c_char;
        request.ifr_ifru.ifru_flags = libc::IFF_UP as libc::c_short;
        // SAFETY: SIOCSIFFLAGS reads an ifreq.
        checked(i64::from(unsafe {
            libc::ioctl(socket.as_raw_fd(), libc::SIOCSIFFLAGS as _, &request)
        }))
    };
    set()
        .map(drop)
        .step("namespaces", || "bring the loopback interface up".into())
}
