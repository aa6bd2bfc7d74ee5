//! A descriptor that does not block: a pipe's end, a socket, a terminal's master.

use std::future::poll_fn;
use std::io::{self, IoSlice};
use std::os::fd::{AsFd, AsRawFd, BorrowedFd, OwnedFd, RawFd};
use std::pin::Pin;
use std::task::{ready, Context, Poll};

use bytes::{Buf, Bytes};
use rustix::fs::{fcntl_getfl, fcntl_setfl, OFlags};
use rustix::io::Errno;
use tokio::io::unix::AsyncFd;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

pub struct Pipe(AsyncFd<OwnedFd>);

impl Pipe {
    /// Takes a descriptor whose open file is not shared with anybody who expects it to block.
    pub fn new(descriptor: OwnedFd) -> io::Result<Pipe> {
        let flags = fcntl_getfl(&descriptor)?;
        fcntl_setfl(&descriptor, flags | OFlags::NONBLOCK)?;
        AsyncFd::new(descriptor).map(Pipe)
    }

    /// As [`Pipe::poll_read`], of bytes that are there. `Ok(0)` is the end.
    pub fn poll_bytes(
        &self,
        context: &mut Context<'_>,
        into: &mut [u8],
    ) -> Poll<Result<usize, Errno>> {
        loop {
            let mut guard = match ready!(self.0.poll_read_ready(context)) {
                Ok(guard) => guard,
                Err(_) => return Poll::Ready(Err(Errno::BADF)),
            };
            match rustix::io::read(&self.0, &mut *into) {
                Err(Errno::AGAIN) => guard.clear_ready(),
                Err(Errno::INTR) => {}
                done => return Poll::Ready(done),
            }
        }
    }

    /// Readable, or at its end; says nothing about which.
    pub fn poll_readable(&self, context: &mut Context<'_>) -> Poll<Result<(), Errno>> {
        self.0
            .poll_read_ready(context)
            .map(|ready| ready.map(drop).map_err(|_| Errno::BADF))
    }

    /// Writable, or broken.
    pub fn poll_writable(&self, context: &mut Context<'_>) -> Poll<Result<(), Errno>> {
        self.0
            .poll_write_ready(context)
            .map(|ready| ready.map(drop).map_err(|_| Errno::BADF))
    }

    /// Tries when there may be something, until it is not told that there was nothing.
    pub async fn when_readable<T>(
        &self,
        mut attempt: impl FnMut(BorrowedFd<'_>) -> Result<T, Errno>,
    ) -> Result<T, Errno> {
        loop {
            let mut guard = self.0.readable().await.map_err(|_| Errno::BADF)?;
            match attempt(self.0.as_fd()) {
                Err(Errno::AGAIN) => guard.clear_ready(),
                Err(Errno::INTR) => {}
                done => return done,
            }
        }
    }

    /// What is there now, without waiting. `Err(AGAIN)`: nothing.
    pub fn read_now(&self, into: &mut [u8]) -> Result<usize, Errno> {
        rustix::io::retry_on_intr(|| rustix::io::read(&self.0, &mut *into))
    }

    /// Waits until all is taken.
    pub async fn write_all(&self, mut bytes: Bytes) -> Result<(), Errno> {
        while bytes.has_remaining() {
            let written =
                poll_fn(|context| self.poll_put(context, &[IoSlice::new(&bytes)])).await?;
            bytes.advance(written);
        }
        Ok(())
    }

    pub async fn read(&self, into: &mut [u8]) -> Result<usize, Errno> {
        poll_fn(|context| self.poll_bytes(context, into)).await
    }

    fn poll_put(
        &self,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<Result<usize, Errno>> {
        loop {
            let mut guard = match ready!(self.0.poll_write_ready(context)) {
                Ok(guard) => guard,
                Err(_) => return Poll::Ready(Err(Errno::BADF)),
            };
            match rustix::io::writev(&self.0, parts) {
                Err(Errno::AGAIN) => guard.clear_ready(),
                Err(Errno::INTR) => {}
                done => return Poll::Ready(done),
            }
        }
    }
}

impl AsFd for Pipe {
    fn as_fd(&self) -> BorrowedFd<'_> {
        self.0.as_fd()
    }
}

impl AsRawFd for Pipe {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_raw_fd()
    }
}

/// For HTTP/2.
impl AsyncRead for Pipe {
    fn poll_read(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        buffer: &mut ReadBuf<'_>,
    ) -> Poll<io::Result<()>> {
        let length = ready!(self.poll_bytes(context, buffer.initialize_unfilled()))?;
        buffer.advance(length);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Pipe {
    fn poll_write(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        bytes: &[u8],
    ) -> Poll<io::Result<usize>> {
        self.poll_put(context, &[IoSlice::new(bytes)])
            .map_err(io::Error::from)
    }

    fn poll_write_vectored(
        self: Pin<&mut Self>,
        context: &mut Context<'_>,
        parts: &[IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        self.poll_put(context, parts).map_err(io::Error::from)
    }

    fn is_write_vectored(&self) -> bool {
        true
    }

    fn poll_flush(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        // A pipe or a terminal has nothing to shut down.
        match rustix::net::shutdown(&self.0, rustix::net::Shutdown::Write) {
            Ok(()) | Err(Errno::NOTSOCK | Errno::NOTCONN) => Poll::Ready(Ok(())),
            Err(errno) => Poll::Ready(Err(errno.into())),
        }
    }
}
