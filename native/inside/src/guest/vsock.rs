//! The channel of a machine that has a virtio-vsock device (vsock(7)): the host connects to a port here, and a connection
//! that breaks off, as all do when a template is taken, is followed by another.

use std::io;
use std::mem::size_of;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use rustix::fs::{open, Mode, OFlags};
use rustix::io::Errno;
use rustix::net::{listen, socket_with, AddressFamily, SocketFlags, SocketType};
use tokio::io::unix::AsyncFd;
use tokio::io::Interest;

use crate::kernel::checked;

/// The host's end knows it too (src/drivers/microvm/firecracker/socket.ts).
const PORT: u32 = 1024;

/// One speaks and the next one knocks: nobody else has a reason to.
const BACKLOG: i32 = 4;

/// <linux/vm_sockets.h>, not in libc's headers for this.
const IOCTL_VM_SOCKETS_GET_LOCAL_CID: libc::c_ulong = 0x7b9;

/// Whether there is a device behind the family: without one the kernel has an address of nobody's (VMADDR_CID_ANY), or that of
/// a loopback.
pub fn is_there() -> bool {
    let flags = OFlags::RDONLY | OFlags::CLOEXEC;
    let Ok(device) = open("/dev/vsock", flags, Mode::empty()) else {
        return false;
    };
    let mut cid: libc::c_uint = libc::VMADDR_CID_ANY;
    // SAFETY: writes one int, ours.
    let asked = unsafe {
        libc::ioctl(
            device.as_raw_fd(),
            IOCTL_VM_SOCKETS_GET_LOCAL_CID as _,
            std::ptr::addr_of_mut!(cid),
        )
    };
    asked == 0 && is_of_a_guest(cid)
}

/// 0 to 2 are the hypervisor, a loopback and the host.
fn is_of_a_guest(cid: u32) -> bool {
    cid > libc::VMADDR_CID_HOST && cid != libc::VMADDR_CID_ANY
}

pub fn listener() -> rustix::io::Result<OwnedFd> {
    let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
    let socket = socket_with(AddressFamily::VSOCK, SocketType::STREAM, flags, None)?;
    let address = libc::sockaddr_vm {
        svm_family: libc::AF_VSOCK as libc::sa_family_t,
        svm_reserved1: 0,
        svm_port: PORT,
        // A clone may have another one.
        svm_cid: libc::VMADDR_CID_ANY,
        svm_zero: [0; 4],
    };
    let length = size_of::<libc::sockaddr_vm>() as libc::socklen_t;
    // SAFETY: the kernel reads an address of the size given.
    let bound = unsafe {
        libc::bind(
            socket.as_raw_fd(),
            std::ptr::addr_of!(address).cast(),
            length,
        )
    };
    checked(bound.into())?;
    listen(&socket, BACKLOG)?;
    Ok(socket)
}

pub struct Listener(AsyncFd<OwnedFd>);

impl Listener {
    pub fn new(socket: OwnedFd) -> io::Result<Listener> {
        AsyncFd::with_interest(socket, Interest::READABLE).map(Listener)
    }

    /// The next connection of the host's, which does not block. Whoever else knocks, a program of this machine's for instance, is
    /// sent away.
    pub async fn accept(&self) -> io::Result<OwnedFd> {
        loop {
            let mut guard = self.0.readable().await?;
            match accept(self.0.get_ref()) {
                Ok((socket, libc::VMADDR_CID_HOST)) => return Ok(socket),
                Ok(_) | Err(Errno::INTR | Errno::CONNABORTED | Errno::CONNRESET) => {}
                Err(Errno::AGAIN) => guard.clear_ready(),
                Err(errno) => return Err(errno.into()),
            }
        }
    }
}

/// The connection, and whose it is.
fn accept(listener: &OwnedFd) -> rustix::io::Result<(OwnedFd, u32)> {
    // SAFETY: zeroes are an address.
    let mut peer: libc::sockaddr_vm = unsafe { std::mem::zeroed() };
    let mut length = size_of::<libc::sockaddr_vm>() as libc::socklen_t;
    // SAFETY: the kernel writes at most `length` bytes of an address that is ours.
    let value = unsafe {
        libc::accept4(
            listener.as_raw_fd(),
            std::ptr::addr_of_mut!(peer).cast(),
            &mut length,
            libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK,
        )
    };
    let value = checked(value.into())?;
    // SAFETY: a descriptor that nobody else has yet.
    let socket = unsafe { OwnedFd::from_raw_fd(value as i32) };
    Ok((socket, peer.svm_cid))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_address_of_a_guest_is_a_device() {
        let of_guests = [3, 4, u32::MAX - 1];
        assert!(of_guests.into_iter().all(is_of_a_guest));
        let of_others = [0, 1, 2, libc::VMADDR_CID_ANY];
        assert!(!of_others.into_iter().any(is_of_a_guest));
    }
}
