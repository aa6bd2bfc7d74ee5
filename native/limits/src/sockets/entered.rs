//! A socket in somebody else's network namespace.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use rustix::io::Errno;

/// A child enters the user and network namespaces (which needs one thread, and no more than having
/// made them) and hands out a socket.
pub fn socket_inside(target: &OwnedFd) -> io::Result<OwnedFd> {
    let mut pair = [0; 2];
    // SAFETY: the kernel fills the array with two descriptors of ours.
    let (ours, theirs) = unsafe {
        if libc::socketpair(
            libc::AF_UNIX,
            libc::SOCK_SEQPACKET | libc::SOCK_CLOEXEC,
            0,
            pair.as_mut_ptr(),
        ) < 0
        {
            return Err(io::Error::last_os_error());
        }
        (OwnedFd::from_raw_fd(pair[0]), OwnedFd::from_raw_fd(pair[1]))
    };
    // SAFETY: this process may have other threads, so the child makes nothing but system calls.
    match unsafe { libc::fork() } {
        -1 => Err(io::Error::last_os_error()),
        0 => {
            let code = inside(target, &theirs);
            // SAFETY: ends the child at once.
            unsafe { libc::_exit(code) }
        }
        child => {
            drop(theirs);
            let received = receive(&ours);
            let mut status = 0;
            // SAFETY: `status` is ours.
            while unsafe { libc::waitpid(child, &mut status, 0) } < 0
                && io::Error::last_os_error().kind() == io::ErrorKind::Interrupted
            {}
            match received? {
                Some(fd) => Ok(fd),
                None => Err(io::Error::from_raw_os_error(libc::WEXITSTATUS(status))),
            }
        }
    }
}

/// In the child. Returns an errno, 0 when the socket was sent.
fn inside(target: &OwnedFd, parent: &OwnedFd) -> i32 {
    let errno = || {
        io::Error::last_os_error()
            .raw_os_error()
            .unwrap_or(libc::EIO)
    };
    // SAFETY: no pointers.
    unsafe {
        if libc::setns(target.as_raw_fd(), libc::CLONE_NEWUSER | libc::CLONE_NEWNET) < 0 {
            // Root's sandbox may lie in root's own user namespace.
            if errno() != libc::EINVAL || libc::setns(target.as_raw_fd(), libc::CLONE_NEWNET) < 0 {
                return errno();
            }
        }
        let fd = libc::socket(
            libc::AF_NETLINK,
            libc::SOCK_RAW | libc::SOCK_CLOEXEC,
            NETLINK_SOCK_DIAG,
        );
        if fd < 0 {
            return errno();
        }
        send(parent, fd)
    }
}

const NETLINK_SOCK_DIAG: i32 = 4;

/// One descriptor as ancillary data (unix(7)), with one byte.
#[repr(C)]
struct Rights {
    header: libc::cmsghdr,
    fd: i32,
    _padding: i32,
}

fn message(part: &mut libc::iovec, rights: &mut Rights) -> libc::msghdr {
    // SAFETY: an all-zero message is a valid one.
    let mut message: libc::msghdr = unsafe { std::mem::zeroed() };
    message.msg_iov = part;
    message.msg_iovlen = 1;
    message.msg_control = std::ptr::addr_of_mut!(*rights).cast();
    message.msg_controllen = std::mem::size_of::<Rights>();
    message
}

fn rights(fd: i32) -> Rights {
    let length = std::mem::size_of::<libc::cmsghdr>() + std::mem::size_of::<i32>();
    Rights {
        header: libc::cmsghdr {
            cmsg_len: length,
            cmsg_level: libc::SOL_SOCKET,
            cmsg_type: libc::SCM_RIGHTS,
        },
        fd,
        _padding: 0,
    }
}

fn send(parent: &OwnedFd, fd: i32) -> i32 {
    let (mut byte, mut rights) = (0u8, rights(fd));
    let mut part = libc::iovec {
        iov_base: std::ptr::addr_of_mut!(byte).cast(),
        iov_len: 1,
    };
    // SAFETY: everything that the message points to lives until the call is over.
    match unsafe { libc::sendmsg(parent.as_raw_fd(), &message(&mut part, &mut rights), 0) } {
        1 => 0,
        _ => io::Error::last_os_error()
            .raw_os_error()
            .unwrap_or(libc::EIO),
    }
}

/// `None` if the child ended without sending anything.
fn receive(from: &OwnedFd) -> io::Result<Option<OwnedFd>> {
    let (mut byte, mut rights) = (0u8, rights(-1));
    let mut part = libc::iovec {
        iov_base: std::ptr::addr_of_mut!(byte).cast(),
        iov_len: 1,
    };
    // SAFETY: everything that the message points to lives until the call is over.
    let got = unsafe {
        libc::recvmsg(
            from.as_raw_fd(),
            &mut message(&mut part, &mut rights),
            libc::MSG_CMSG_CLOEXEC,
        )
    };
    match got {
        0 => Ok(None),
        1 if rights.header.cmsg_type == libc::SCM_RIGHTS && rights.fd >= 0 => {
            // SAFETY: the kernel has just put this descriptor into our table.
            Ok(Some(unsafe { OwnedFd::from_raw_fd(rights.fd) }))
        }
        1 => Err(Errno::BADMSG.into()),
        _ => Err(io::Error::last_os_error()),
    }
}
