//! A thread rewrites what a call points to while the call is decided. `GLOVEBOX_LONG=1` runs a
//! million rounds of each.
#![allow(clippy::unwrap_used)]

mod common;

use std::io::ErrorKind;
use std::net::{TcpListener, UdpSocket};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::unix::ffi::OsStrExt;
use std::os::unix::net::UnixListener;
use std::path::Path;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;

use common::sandbox::{rounds, Sandbox, TemporaryDirectory, FORBIDDEN};
use common::{errno_of, End};
use glovebox_seccomp::Verdict;

fn v4(ip: [u8; 4], port: u16) -> Vec<u8> {
    let mut bytes = (libc::AF_INET as u16).to_ne_bytes().to_vec();
    bytes.extend(port.to_be_bytes());
    bytes.extend(ip);
    bytes.resize(16, 0);
    bytes
}

fn unix(path: &Path) -> Vec<u8> {
    let mut bytes = (libc::AF_UNIX as u16).to_ne_bytes().to_vec();
    bytes.extend(path.as_os_str().as_bytes());
    bytes.resize(110, 0);
    bytes
}

/// Memory that one thread rewrites while another one's system call reads it.
struct Rewritten {
    memory: Box<[u8]>,
    stop: Arc<AtomicBool>,
    writer: Option<std::thread::JoinHandle<()>>,
}

impl Rewritten {
    /// Writes `one` and `other` in turn, for as long as it lives.
    fn between(one: Vec<u8>, other: Vec<u8>) -> Self {
        assert_eq!(one.len(), other.len());
        let mut memory = one.clone().into_boxed_slice();
        let (at, stop) = (
            memory.as_mut_ptr() as usize,
            Arc::new(AtomicBool::new(false)),
        );
        let stopped = Arc::clone(&stop);
        let writer = std::thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                for bytes in [&one, &other] {
                    for (offset, byte) in bytes.iter().enumerate() {
                        // SAFETY: within the memory, which outlives this thread; only the kernel reads it meanwhile.
                        unsafe { (at as *mut u8).add(offset).write_volatile(*byte) };
                    }
                }
            }
        });
        Self {
            memory,
            stop,
            writer: Some(writer),
        }
    }

    fn connect(&self, fd: i32) -> i32 {
        errno_of(
            libc::SYS_connect,
            [
                fd as usize,
                self.memory.as_ptr() as usize,
                self.memory.len(),
                0,
                0,
                0,
            ],
        )
    }
}

impl Drop for Rewritten {
    fn drop(&mut self) {
        self.stop.store(true, Ordering::Relaxed);
        self.writer.take().unwrap().join().unwrap();
    }
}

/// Both outcomes have to be seen, or the race was none.
fn tally(seen: &[(bool, &str)]) -> i32 {
    seen.iter().position(|(good, _)| !good).map_or(0, |at| {
        eprintln!("{}", seen[at].1);
        at as i32 + 1
    })
}

#[test]
fn a_rewritten_address_never_connects_where_it_may_not() {
    let outcome = Sandbox::default().run(|_| {
        // The kernel would connect to both; the policy refuses one.
        let race = Rewritten::between(v4([127, 0, 0, 1], 7100), v4(FORBIDDEN, 7100));
        let (mut allowed, mut refused, mut escaped) = (0, 0, 0);
        for _ in 0..rounds() {
            // SAFETY: makes a socket.
            let socket =
                unsafe { OwnedFd::from_raw_fd(libc::socket(libc::AF_INET, libc::SOCK_DGRAM, 0)) };
            match race.connect(socket.as_raw_fd()) {
                0 => allowed += 1,
                _ => refused += 1,
            }
            // A half-written address has one byte of each; only 127 in front is loopback.
            let peer = UdpSocket::from(socket).peer_addr();
            escaped += i32::from(peer.is_ok_and(|peer| !peer.ip().is_loopback()));
        }
        tally(&[
            (escaped == 0, "escaped"),
            (allowed > 0, "none was allowed"),
            (refused > 0, "none was refused"),
        ])
    });
    assert_eq!(outcome.end, End::Code(0));
    let agree = outcome.activities.iter().all(|activity| {
        let loopback = activity.address.as_ref().unwrap().starts_with("127.");
        (activity.verdict == Verdict::Allowed) == loopback
    });
    assert!(agree, "a record and its decision speak of the same address");
}

#[test]
fn a_rewritten_path_never_reaches_the_host() {
    let host = TemporaryDirectory::new();
    let outside = host.0.join("so");
    let listener = UnixListener::bind(&outside).unwrap();
    listener.set_nonblocking(true).unwrap();
    let outcome = Sandbox::default().run(|own| {
        let inside = own.join("so");
        let served = UnixListener::bind(&inside).unwrap();
        std::thread::spawn(move || served.incoming().for_each(drop));
        let race = Rewritten::between(unix(&inside), unix(&outside));
        let (mut allowed, mut refused) = (0, 0);
        for _ in 0..rounds() / 4 {
            // SAFETY: makes a socket.
            let socket = unsafe {
                OwnedFd::from_raw_fd(libc::socket(
                    libc::AF_UNIX,
                    libc::SOCK_STREAM | libc::SOCK_NONBLOCK,
                    0,
                ))
            };
            match race.connect(socket.as_raw_fd()) {
                0 => allowed += 1,
                libc::EACCES => refused += 1,
                _ => {}
            }
        }
        tally(&[
            (allowed > 0, "none was allowed"),
            (refused > 0, "none was refused"),
        ])
    });
    assert_eq!(outcome.end, End::Code(0));
    assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
}

#[test]
fn a_link_that_changes_never_reaches_the_host() {
    let host = TemporaryDirectory::new();
    let outside = host.0.join("host");
    let listener = UnixListener::bind(&outside).unwrap();
    listener.set_nonblocking(true).unwrap();
    let outcome = Sandbox::default().run(|own| {
        let served = UnixListener::bind(own.join("own")).unwrap();
        std::thread::spawn(move || served.incoming().for_each(drop));
        let (one, other) = (own.join("link"), own.join("other"));
        std::os::unix::fs::symlink(own.join("own"), &one).unwrap();
        std::os::unix::fs::symlink(&outside, &other).unwrap();
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let address = unix(&one);
        let exchange = std::thread::spawn(move || {
            use rustix::fs::{renameat_with, RenameFlags, CWD};
            while !stopped.load(Ordering::Relaxed) {
                renameat_with(CWD, &one, CWD, &other, RenameFlags::EXCHANGE).unwrap();
            }
        });
        let (mut allowed, mut refused) = (0, 0);
        for _ in 0..rounds() / 4 {
            // SAFETY: makes a socket.
            let socket = unsafe {
                OwnedFd::from_raw_fd(libc::socket(
                    libc::AF_UNIX,
                    libc::SOCK_STREAM | libc::SOCK_NONBLOCK,
                    0,
                ))
            };
            match errno_of(
                libc::SYS_connect,
                [
                    socket.as_raw_fd() as usize,
                    address.as_ptr() as usize,
                    address.len(),
                    0,
                    0,
                    0,
                ],
            ) {
                0 => allowed += 1,
                libc::EACCES => refused += 1,
                _ => {}
            }
        }
        stop.store(true, Ordering::Relaxed);
        exchange.join().unwrap();
        tally(&[
            (allowed > 0, "none was allowed"),
            (refused > 0, "none was refused"),
        ])
    });
    assert_eq!(outcome.end, End::Code(0));
    assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
}

#[test]
fn a_descriptor_that_is_exchanged_never_connects_a_socket_from_outside() {
    let host = TcpListener::bind("127.0.0.1:0").unwrap();
    host.set_nonblocking(true).unwrap();
    let port = host.local_addr().unwrap().port();
    // SAFETY: makes a socket, in the host's network namespace.
    let foreign = unsafe {
        OwnedFd::from_raw_fd(libc::socket(
            libc::AF_INET,
            libc::SOCK_STREAM | libc::SOCK_NONBLOCK,
            0,
        ))
    };
    let outcome = Sandbox::default().run(|_| {
        let address = v4([127, 0, 0, 1], port);
        // SAFETY: makes a socket, and later copies descriptors of our own over each other.
        let own = unsafe {
            OwnedFd::from_raw_fd(libc::socket(
                libc::AF_INET,
                libc::SOCK_STREAM | libc::SOCK_NONBLOCK,
                0,
            ))
        };
        // SAFETY: as above.
        let fd = unsafe { libc::dup(own.as_raw_fd()) };
        let stop = Arc::new(AtomicBool::new(false));
        let stopped = Arc::clone(&stop);
        let pair = [own.as_raw_fd(), foreign.as_raw_fd()];
        let exchange = std::thread::spawn(move || {
            while !stopped.load(Ordering::Relaxed) {
                for one in pair {
                    // SAFETY: as above.
                    unsafe { libc::dup2(one, fd) };
                }
            }
        });
        let (mut own_tried, mut refused) = (0, 0);
        for _ in 0..rounds() / 4 {
            match errno_of(
                libc::SYS_connect,
                [
                    fd as usize,
                    address.as_ptr() as usize,
                    address.len(),
                    0,
                    0,
                    0,
                ],
            ) {
                libc::EACCES => refused += 1,
                _ => own_tried += 1,
            }
        }
        stop.store(true, Ordering::Relaxed);
        exchange.join().unwrap();
        tally(&[
            (own_tried > 0, "the own socket was never met"),
            (refused > 0, "the foreign socket was never met"),
        ])
    });
    assert_eq!(outcome.end, End::Code(0));
    assert_eq!(host.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
}

#[test]
fn callers_that_are_killed_in_the_middle_leave_the_supervisor_working() {
    let outcome = Sandbox::default().run(|_| {
        let address = v4(FORBIDDEN, 7100);
        for round in 0..300 {
            // SAFETY: the child makes system calls until it is killed.
            let child = unsafe { libc::fork() };
            if child == 0 {
                // SAFETY: makes a socket.
                let socket = unsafe { libc::socket(libc::AF_INET, libc::SOCK_DGRAM, 0) };
                loop {
                    errno_of(
                        libc::SYS_connect,
                        [socket as usize, address.as_ptr() as usize, 16, 0, 0, 0],
                    );
                }
            }
            (0..round * 40).for_each(|_| std::hint::spin_loop());
            // SAFETY: our own child.
            unsafe { libc::kill(child, libc::SIGKILL) };
            if common::wait(child) != End::Signal(libc::SIGKILL) {
                return 1;
            }
        }
        // SAFETY: makes a socket.
        let socket = unsafe { libc::socket(libc::AF_INET, libc::SOCK_DGRAM, 0) };
        let last = errno_of(
            libc::SYS_connect,
            [socket as usize, address.as_ptr() as usize, 16, 0, 0, 0],
        );
        i32::from(last != libc::ENETUNREACH) * 2
    });
    assert_eq!(outcome.end, End::Code(0));
}

#[test]
fn all_of_this_holds_for_an_ordinary_user_too() {
    common::again_as_user("races");
}
