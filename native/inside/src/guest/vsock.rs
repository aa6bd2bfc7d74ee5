//! The channel of a machine that has a virtio-vsock device (vsock(7)): the host connects to a port here, and a connection
//! that breaks off, as all do when a template is taken, is followed by another.

use std::io;
use std::mem::size_of;
use std::os::fd::{AsFd, AsRawFd, FromRawFd, OwnedFd};
use std::pin::Pin;
use std::task::{ready, Context, Poll};

use rustix::fs::{open, Mode, OFlags};
use rustix::io::Errno;
use rustix::net::{listen, socket_with, AddressFamily, SocketFlags, SocketType};
use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncRead, AsyncWrite, Interest, ReadBuf};

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

    /// The next connection of the host's. Whoever else knocks, a program of this machine's for instance, is sent away.
    pub async fn accept(&self) -> io::Result<Stream> {
        loop {
            let mut guard = self.0.readable().await?;
            match accept(self.0.get_ref()) {
                Ok((socket, libc::VMADDR_CID_HOST)) => return Stream::new(socket),
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

/// The bytes of one connection.
pub struct Stream(AsyncFd<OwnedFd>);

impl Stream {
    /// Takes a descriptor that does not block.
    pub fn new(socket: OwnedFd) -> io::Result<Stream> {
        AsyncFd::new(socket).map(Stream)
    }
}

impl AsyncRead for Stream {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        loop {
            let mut guard = ready!(self.0.poll_read_ready(context))?;
            match rustix::io::read(self.0.get_ref(), buffer.initialize_unfilled()) {
                Ok(length) => {
                    buffer.advance(length);
                    return Poll::Ready(Ok(()));
                }
                Err(Errno::AGAIN) => guard.clear_ready(),
                Err(Errno::INTR) => {}
                Err(errno) => return Poll::Ready(Err(errno.into())),
            }
        }
    }
}

impl AsyncWrite for Stream {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        loop {
            let mut guard = ready!(self.0.poll_write_ready(context))?;
            // Init must not be told of a peer that is gone by SIGPIPE.
            match rustix::net::send(
                self.0.get_ref().as_fd(),
                bytes,
                rustix::net::SendFlags::NOSIGNAL,
            ) {
                Err(Errno::AGAIN) => guard.clear_ready(),
                Err(Errno::INTR) => {}
                done => return Poll::Ready(done.map_err(io::Error::from)),
            }
        }
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustix::net::socketpair;
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    #[test]
    fn only_the_address_of_a_guest_is_a_device() {
        let of_guests = [3, 4, u32::MAX - 1];
        assert!(of_guests.into_iter().all(is_of_a_guest));
        let of_others = [0, 1, 2, libc::VMADDR_CID_ANY];
        assert!(!of_others.into_iter().any(is_of_a_guest));
    }

    #[test]
    fn a_connection_carries_more_than_it_holds_and_its_end_is_an_end() {
        const BYTES: usize = 4 << 20;
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let (ours, theirs) =
            socketpair(AddressFamily::UNIX, SocketType::STREAM, flags, None).expect("a pair");
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .build()
            .expect("a runtime");
        runtime.block_on(async {
            let mut ours = Stream::new(ours).expect("registered");
            let mut theirs = Stream::new(theirs).expect("registered");
            let sent = vec![7; BYTES];
            let mut heard = Vec::new();
            let sending = async {
                ours.write_all(&sent).await.expect("written");
                drop(ours);
            };
            // On one thread, both at once.
            let hearing = theirs.read_to_end(&mut heard);
            let (_, heard_bytes) = both(sending, hearing).await;
            assert_eq!(heard_bytes.expect("its end"), BYTES);
            assert!(heard.iter().all(|byte| *byte == 7));
        });
    }

    #[test]
    fn who_is_gone_is_an_error_and_no_signal() {
        let flags = SocketFlags::CLOEXEC | SocketFlags::NONBLOCK;
        let (ours, theirs) =
            socketpair(AddressFamily::UNIX, SocketType::STREAM, flags, None).expect("a pair");
        drop(theirs);
        let runtime = tokio::runtime::Builder::new_current_thread()
            .enable_io()
            .build()
            .expect("a runtime");
        runtime.block_on(async {
            let mut ours = Stream::new(ours).expect("registered");
            let failed = ours.write_all(b"nobody").await.expect_err("nobody hears");
            assert_eq!(failed.kind(), io::ErrorKind::BrokenPipe);
        });
    }

    async fn both<A: std::future::Future, B: std::future::Future>(
        one: A,
        other: B,
    ) -> (A::Output, B::Output) {
        let (mut one, mut other) = (Box::pin(one), Box::pin(other));
        let (mut first, mut second) = (None, None);
        std::future::poll_fn(move |context| {
            if first.is_none() {
                if let Poll::Ready(value) = one.as_mut().poll(context) {
                    first = Some(value);
                }
            }
            if second.is_none() {
                if let Poll::Ready(value) = other.as_mut().poll(context) {
                    second = Some(value);
                }
            }
            match (first.is_some(), second.is_some()) {
                (true, true) => Poll::Ready(()),
                _ => Poll::Pending,
            }
            .map(|()| (first.take().expect("done"), second.take().expect("done")))
        })
        .await
    }
}
