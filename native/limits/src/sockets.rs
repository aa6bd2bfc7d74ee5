//! What the buffers of a sandbox's sockets hold, asked of the kernel by sock_diag(7).
//!
//! Data parked in a socket belongs to no process's pages. The question must come from a socket in
//! the sandbox's own network namespace, which a child that enters the namespaces makes for us.

mod diag;
mod entered;

use std::io;
use std::os::fd::OwnedFd;

use rustix::io::Errno;
use rustix::process::{pidfd_open, Pid, PidfdFlags};

use diag::{questions, read_answers, Progress, Question};

#[derive(Debug)]
pub struct Sockets {
    fd: OwnedFd,
}

impl Sockets {
    /// Asks in the network namespace of `process`. ESRCH and ENOENT say that it is gone.
    pub fn of(process: u32) -> io::Result<Self> {
        let pid = Pid::from_raw(process as i32).ok_or(Errno::SRCH)?;
        let pidfd = pidfd_open(pid, PidfdFlags::empty())?;
        Ok(Self {
            fd: entered::socket_inside(&pidfd)?,
        })
    }

    /// Asks on a socket that was made in the namespace.
    pub fn asking(fd: OwnedFd) -> Self {
        Self { fd }
    }

    /// Bytes that are queued in, or on their way to, any socket; `None` if this kernel cannot tell of all kinds.
    pub fn bytes(&self) -> io::Result<Option<u64>> {
        let (mut sum, mut complete) = (0, true);
        for question in questions() {
            match self.ask(&question)? {
                Some(bytes) => sum += bytes,
                None => complete = false,
            }
        }
        Ok(complete.then_some(sum))
    }

    fn ask(&self, question: &Question) -> io::Result<Option<u64>> {
        let message = question.message();
        rustix::net::send(&self.fd, &message, rustix::net::SendFlags::empty())?;
        let mut buffer = vec![0; 64 * 1024];
        let mut sum = 0;
        loop {
            let (got, _) =
                rustix::net::recv(&self.fd, &mut buffer[..], rustix::net::RecvFlags::empty())?;
            match read_answers(&buffer[..got], question, &mut sum)? {
                Progress::More => {}
                Progress::Over => return Ok(Some(sum)),
                Progress::Unknown => return Ok(None),
            }
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;
    use std::io::Write;
    use std::os::unix::net::UnixStream;

    #[test]
    fn what_is_parked_in_a_socket_is_seen() {
        let sockets = Sockets::of(std::process::id());
        // An ordinary user may not enter the namespace of the machine; the sandbox's is its own.
        // SAFETY: no pointers.
        if unsafe { libc::geteuid() } != 0 {
            assert!(sockets.is_err());
            return;
        }
        let sockets = sockets.unwrap();
        let pairs: Vec<_> = (0..64).map(|_| UnixStream::pair().unwrap()).collect();
        for (one, _) in &pairs {
            one.set_nonblocking(true).unwrap();
            while (&*one).write(&[0; 4096]).is_ok() {}
        }
        let parked = sockets.bytes().unwrap().unwrap();
        assert!(parked > 64 * 100_000, "{parked}");
    }

    /// Runs `body` in a child and says how it ended.
    fn in_child(body: impl FnOnce() -> i32) -> i32 {
        // SAFETY: the child runs `body` and exits; its status is waited for.
        unsafe {
            let child = libc::fork();
            if child == 0 {
                libc::_exit(
                    std::panic::catch_unwind(std::panic::AssertUnwindSafe(body)).unwrap_or(101),
                );
            }
            let mut status = 0;
            assert_eq!(libc::waitpid(child, &mut status, 0), child);
            libc::WEXITSTATUS(status)
        }
    }

    #[test]
    fn a_user_may_ask_in_a_namespace_of_their_own() {
        let asks = || {
            let (mut told, mut tell) = UnixStream::pair().unwrap();
            // SAFETY: the sandbox's process only parks bytes, tells, and waits to be killed.
            let sandbox = unsafe { libc::fork() };
            if sandbox == 0 {
                // SAFETY: no pointers.
                let entered = unsafe {
                    libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL);
                    libc::unshare(libc::CLONE_NEWUSER | libc::CLONE_NEWNET)
                };
                let (one, _other) = UnixStream::pair().unwrap();
                one.set_nonblocking(true).unwrap();
                while entered == 0 && (&one).write(&[0; 4096]).is_ok() {}
                tell.write_all(b"!").unwrap();
                loop {
                    // SAFETY: no pointers.
                    unsafe { libc::pause() };
                }
            }
            io::Read::read_exact(&mut told, &mut [0]).unwrap();
            let parked = Sockets::of(sandbox as u32).and_then(|sockets| sockets.bytes());
            // SAFETY: our own child.
            unsafe {
                libc::kill(sandbox, libc::SIGKILL);
                libc::waitpid(sandbox, std::ptr::null_mut(), 0);
            }
            // The machine's own sockets hold something too; in there is the pair and nothing else.
            match parked {
                Ok(Some(100_000..=2_000_000)) => 0,
                Ok(_) => 1,
                Err(error) => error.raw_os_error().unwrap_or(2),
            }
        };
        let ended = in_child(|| {
            // SAFETY: no pointers. Root becomes an ordinary user; others are one.
            unsafe {
                libc::setgid(54_324);
                libc::setuid(54_324);
                // The change of ids took it away; a program that was executed has it.
                libc::prctl(libc::PR_SET_DUMPABLE, 1);
            }
            asks()
        });
        assert_eq!(ended, 0);
    }

    #[test]
    fn a_process_that_is_gone_is_said_to_be() {
        let error = Sockets::of(i32::MAX as u32).unwrap_err();
        assert_eq!(error.raw_os_error(), Some(libc::ESRCH));
    }
}
