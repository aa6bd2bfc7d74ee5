//! What the buffers of a sandbox's sockets hold, asked of the kernel by sock_diag(7).
//!
//! Data parked in a socket belongs to no process's pages. The question must come from a socket in
//! the sandbox's own network namespace, which a child that enters the namespaces makes for us.

use std::io;
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};

use rustix::io::Errno;
use rustix::process::{pidfd_open, Pid, PidfdFlags};

#[derive(Debug)]
pub struct Sockets {
    fd: OwnedFd,
}

/// One question: the request behind the header, and where in an answer its attributes begin.
struct Question {
    request: Vec<u8>,
    answer_size: usize,
    /// The attribute with the `SK_MEMINFO_*` numbers.
    memory: u16,
}

const HEADER: usize = 16;
const BY_FAMILY: u16 = 20; // SOCK_DIAG_BY_FAMILY
const ERROR: u16 = 2; // NLMSG_ERROR
const DONE: u16 = 3; // NLMSG_DONE
const REQUEST_DUMP: u16 = 0x301; // NLM_F_REQUEST | NLM_F_DUMP

impl Sockets {
    /// Asks in the network namespace of `process`. ESRCH and ENOENT say that it is gone.
    pub fn of(process: u32) -> io::Result<Self> {
        let pid = Pid::from_raw(process as i32).ok_or(Errno::SRCH)?;
        let pidfd = pidfd_open(pid, PidfdFlags::empty())?;
        Ok(Self {
            fd: made_inside(&pidfd)?,
        })
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
        let length = HEADER + question.request.len();
        let mut message = (length as u32).to_ne_bytes().to_vec();
        message.extend(BY_FAMILY.to_ne_bytes());
        message.extend(REQUEST_DUMP.to_ne_bytes());
        message.extend([0; 8]); // sequence, port
        message.extend(&question.request);
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

#[derive(Debug, PartialEq, Eq)]
enum Progress {
    More,
    Over,
    /// This kernel has nothing that answers for the family.
    Unknown,
}

/// Adds up the answers in one datagram.
fn read_answers(mut bytes: &[u8], question: &Question, sum: &mut u64) -> io::Result<Progress> {
    while let (Some(length), Some(kind)) = (word(bytes, 0), half(bytes, 4)) {
        let body = bytes.get(HEADER..length as usize).ok_or(Errno::BADMSG)?;
        match kind {
            DONE => return Ok(Progress::Over),
            ERROR => match word(body, 0).map(|error| error as i32) {
                Some(0) => return Ok(Progress::Over),
                Some(error) if Errno::from_raw_os_error(-error) == Errno::NOENT => {
                    return Ok(Progress::Unknown)
                }
                Some(error) => return Err(io::Error::from_raw_os_error(-error)),
                None => return Err(Errno::BADMSG.into()),
            },
            _ => {
                *sum += held(
                    body.get(question.answer_size..).unwrap_or_default(),
                    question.memory,
                )
            }
        }
        bytes = bytes.get(aligned(length as usize)..).unwrap_or_default();
    }
    Ok(Progress::More)
}

/// Finds the attribute with the memory numbers.
fn held(mut attributes: &[u8], wanted: u16) -> u64 {
    while let (Some(length), Some(kind)) = (half(attributes, 0), half(attributes, 2)) {
        let Some(value) = attributes.get(4..usize::from(length)) else {
            break;
        };
        if kind == wanted {
            // SK_MEMINFO_RMEM_ALLOC, WMEM_ALLOC, WMEM_QUEUED, BACKLOG.
            let [received, sending, queued, backlog] =
                [0, 2, 5, 7].map(|i| u64::from(word(value, 4 * i).unwrap_or(0)));
            return received + sending.max(queued) + backlog;
        }
        attributes = attributes
            .get(aligned(usize::from(length))..)
            .unwrap_or_default();
    }
    0
}

fn aligned(length: usize) -> usize {
    (length + 3) & !3
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    Some(u32::from_ne_bytes(bytes.get(at..at + 4)?.try_into().ok()?))
}

fn half(bytes: &[u8], at: usize) -> Option<u16> {
    Some(u16::from_ne_bytes(bytes.get(at..at + 2)?.try_into().ok()?))
}

/// Unix, TCP, UDP and netlink sockets: all that the filter lets anybody make.
fn questions() -> Vec<Question> {
    let mut all = vec![unix(), netlink()];
    for family in [libc::AF_INET, libc::AF_INET6] {
        all.extend(
            [libc::IPPROTO_TCP, libc::IPPROTO_UDP]
                .map(|protocol| inet(family as u8, protocol as u8)),
        );
    }
    all
}

/// `struct unix_diag_req` (linux/unix_diag.h): all states, UDIAG_SHOW_MEMINFO.
fn unix() -> Question {
    let mut request = vec![libc::AF_UNIX as u8, 0, 0, 0];
    request.extend(u32::MAX.to_ne_bytes());
    request.extend(0u32.to_ne_bytes());
    request.extend(0x20u32.to_ne_bytes());
    request.extend([0; 8]);
    Question {
        request,
        answer_size: 16,
        memory: 5,
    }
}

/// `struct netlink_diag_req` (linux/netlink_diag.h): all protocols, NDIAG_SHOW_MEMINFO.
fn netlink() -> Question {
    let mut request = vec![libc::AF_NETLINK as u8, 255, 0, 0];
    request.extend(0u32.to_ne_bytes());
    request.extend(1u32.to_ne_bytes());
    request.extend([0; 8]);
    Question {
        request,
        answer_size: 28,
        memory: 0,
    }
}

/// `struct inet_diag_req_v2` (linux/inet_diag.h): all states, INET_DIAG_SKMEMINFO.
fn inet(family: u8, protocol: u8) -> Question {
    let mut request = vec![family, protocol, 1 << (7 - 1), 0];
    request.extend(u32::MAX.to_ne_bytes());
    request.extend([0; 48]);
    Question {
        request,
        answer_size: 72,
        memory: 7,
    }
}

/// A child enters the user and network namespaces (which needs one thread, and no more than having
/// made them) and hands out a socket.
fn made_inside(target: &OwnedFd) -> io::Result<OwnedFd> {
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
        drop(pairs);
        assert!(sockets.bytes().unwrap().unwrap() < parked);
    }

    /// Runs `body` in a child and says how it ended.
    fn in_child(body: impl FnOnce() -> i32) -> i32 {
        // SAFETY: the child runs `body` and exits; its status is waited for.
        unsafe {
            let child = libc::fork();
            if child == 0 {
                libc::_exit(body());
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

    #[test]
    fn broken_answers_are_errors_and_not_panics() {
        let question = unix();
        let mut sum = 0;
        for length in 0..64u32 {
            let mut bytes = length.to_ne_bytes().to_vec();
            bytes.extend([20, 0, 1, 3]);
            bytes.resize(48, 0xff);
            // Whatever it says, it comes back.
            let _told = read_answers(&bytes, &question, &mut sum);
        }
        let done = [16u8, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0];
        assert_eq!(
            read_answers(&done, &question, &mut sum).unwrap(),
            Progress::Over
        );
    }
}
