//! Connections: what is reached, what is refused, and what is recorded about it.
#![allow(clippy::unwrap_used)]

mod common;

use std::io::{ErrorKind, Read, Write};
use std::net::{SocketAddr, TcpListener, TcpStream, UdpSocket};
use std::os::fd::{AsRawFd, FromRawFd, OwnedFd};
use std::os::linux::net::SocketAddrExt;
use std::os::unix::net::{SocketAddr as UnixAddress, UnixListener, UnixStream};
use std::time::Duration;

use common::sandbox::{Sandbox, TemporaryDirectory, FORBIDDEN};
use common::End;
use glovebox_seccomp::{Ended, SupervisorError};

/// The errno of a failed connection, 0 of one that stands.
fn errno<T>(result: std::io::Result<T>) -> i32 {
    result.map_or_else(|error| error.raw_os_error().unwrap_or(-1), |_| 0)
}

#[test]
fn loopback_connections_are_made_and_carry_bytes() {
    let outcome = Sandbox::default().run(|_| {
        let listener = TcpListener::bind("127.0.0.1:8123").unwrap();
        let client = std::thread::spawn(|| {
            let mut stream = TcpStream::connect("127.0.0.1:8123").unwrap();
            stream.write_all(b"hello").unwrap();
        });
        let (mut stream, peer) = listener.accept().unwrap();
        let mut text = String::new();
        stream.read_to_string(&mut text).unwrap();
        client.join().unwrap();
        assert!(peer.ip().is_loopback());
        i32::from(text != "hello")
    });
    assert_eq!(outcome.end, End::Code(0));
    assert_eq!(
        outcome.lines(),
        [
            "bind recorded kernel 127.0.0.1:8123",
            "connect allowed loopback 127.0.0.1:8123"
        ]
    );
    let program = std::env::current_exe().unwrap();
    assert!(outcome
        .activities
        .iter()
        .all(|activity| activity.program == program.to_string_lossy() && activity.pid > 1));
    assert!(matches!(outcome.supervisor, Ok(Ended::NobodyLeft)));
}

#[test]
fn a_connection_that_must_wait_does_not_block_to_the_program() {
    let outcome = Sandbox::default().run(|_| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let stream = TcpStream::connect_timeout(&address, Duration::from_secs(5)).unwrap();
        i32::from(stream.peer_addr().unwrap() != address)
    });
    assert_eq!(outcome.end, End::Code(0));
}

#[test]
fn refused_by_nobody_listening_is_refused() {
    let outcome = Sandbox::default().run(|_| errno(TcpStream::connect("127.0.0.1:9")));
    assert_eq!(outcome.end, End::Code(libc::ECONNREFUSED));
}

#[test]
fn everything_but_loopback_is_unreachable_and_recorded() {
    let outcome = Sandbox::default().run(|_| {
        let mut wrong = 0;
        for address in [
            "10.9.9.9:80",
            "169.254.169.254:80",
            "8.8.8.8:53",
            "[2001:db8::1]:443",
            "[::ffff:8.8.8.8]:53",
        ] {
            let address: SocketAddr = address.parse().unwrap();
            wrong += i32::from(errno(TcpStream::connect(address)) != libc::ENETUNREACH);
        }
        let udp = UdpSocket::bind("0.0.0.0:0").unwrap();
        wrong + i32::from(errno(udp.connect("8.8.8.8:53")) != libc::ENETUNREACH)
    });
    assert_eq!(outcome.end, End::Code(0));
    for address in [
        "10.9.9.9:80",
        "169.254.169.254:80",
        "8.8.8.8:53",
        "[2001:db8::1]:443",
        "[::ffff:8.8.8.8]:53",
    ] {
        assert!(
            outcome.has(&format!("connect denied network.default-deny {address}")),
            "{address} in {:?}",
            outcome.lines()
        );
    }
}

#[test]
fn an_unconnected_socket_can_be_made_unconnected_again() {
    let outcome = Sandbox::default().run(|_| {
        let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        udp.connect("127.0.0.1:7").unwrap();
        let unspecified = [0u8; 16];
        // SAFETY: the address has 16 bytes.
        let result = unsafe { libc::connect(udp.as_raw_fd(), unspecified.as_ptr().cast(), 16) };
        i32::from(result != 0 || udp.peer_addr().is_ok())
    });
    assert_eq!(outcome.end, End::Code(0));
    assert!(outcome.has("connect allowed disconnect unspecified"));
}

#[test]
fn broken_arguments_get_the_errors_that_the_kernel_gives() {
    let outcome = Sandbox::default().run(|_| {
        let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
        let fd = socket.as_raw_fd();
        let address = [0u8; 200];
        let good = address.as_ptr() as usize;
        let file = std::fs::File::open("/dev/null").unwrap();
        let connect = |fd: i32, at: usize, length: i32| {
            common::errno_of(
                libc::SYS_connect,
                [fd as usize, at, length as u32 as usize, 0, 0, 0],
            )
        };
        let wrong = [
            (connect(fd, 8, 16), libc::EFAULT),
            (connect(fd, good, 129), libc::EINVAL),
            (connect(fd, good, -1), libc::EINVAL),
            (connect(fd, good, 1), libc::EINVAL),
            (connect(999, good, 16), libc::EBADF),
            (connect(-1, good, 16), libc::EBADF),
            (connect(file.as_raw_fd(), good, 16), libc::ENOTSOCK),
        ];
        wrong
            .iter()
            .position(|(got, want)| got != want)
            .map_or(0, |at| at as i32 + 1)
    });
    assert_eq!(outcome.end, End::Code(0));
}

#[test]
fn a_socket_handed_in_from_another_namespace_is_not_connected() {
    let host = TcpListener::bind("127.0.0.1:0").unwrap();
    host.set_nonblocking(true).unwrap();
    let address = host.local_addr().unwrap();
    // SAFETY: makes a socket; it is ours.
    let socket = unsafe { OwnedFd::from_raw_fd(libc::socket(libc::AF_INET, libc::SOCK_STREAM, 0)) };
    let outcome = Sandbox::default().run(|_| {
        let mut bytes = (libc::AF_INET as u16).to_ne_bytes().to_vec();
        bytes.extend(address.port().to_be_bytes());
        bytes.extend([127, 0, 0, 1]);
        bytes.resize(16, 0);
        common::errno_of(
            libc::SYS_connect,
            [
                socket.as_raw_fd() as usize,
                bytes.as_ptr() as usize,
                16,
                0,
                0,
                0,
            ],
        )
    });
    assert_eq!(outcome.end, End::Code(libc::EACCES));
    assert_eq!(host.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
    assert!(outcome.lines()[0].starts_with("connect denied network.foreign-socket"));
}

#[test]
fn unix_sockets_of_the_sandbox_are_reached_by_every_spelling() {
    let outcome = Sandbox::default().run(|own| {
        let path = own.join("socket");
        let _listener = UnixListener::bind(&path).unwrap();
        std::os::unix::fs::symlink("socket", own.join("link")).unwrap();
        std::env::set_current_dir(own).unwrap();
        let mut wrong = 0;
        for spelled in [
            path.as_path(),
            &own.join("link"),
            "socket".as_ref(),
            "./link".as_ref(),
            &own.join("../")
                .join(own.file_name().unwrap())
                .join("socket"),
        ] {
            wrong += i32::from(UnixStream::connect(spelled).is_err());
        }
        wrong
    });
    assert_eq!(outcome.end, End::Code(0));
    assert_eq!(
        outcome
            .lines()
            .iter()
            .filter(|line| line.starts_with("connect allowed unix.own-tmpfs"))
            .count(),
        5
    );
}

#[test]
fn unix_sockets_of_the_host_are_refused() {
    let host = TemporaryDirectory::new();
    let path = host.0.join("host.sock");
    let listener = UnixListener::bind(&path).unwrap();
    listener.set_nonblocking(true).unwrap();
    let outcome = Sandbox::default().run(|own| {
        std::os::unix::fs::symlink(&path, own.join("link")).unwrap();
        let mut wrong = i32::from(errno(UnixStream::connect(&path)) != libc::EACCES);
        wrong += i32::from(errno(UnixStream::connect(own.join("link"))) != libc::EACCES);
        wrong += i32::from(errno(UnixStream::connect("/nowhere/at/all")) != libc::ENOENT);
        wrong + i32::from(errno(UnixStream::connect("/etc/passwd")) != libc::ECONNREFUSED)
    });
    assert_eq!(outcome.end, End::Code(0));
    assert_eq!(listener.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
    assert!(outcome.has(&format!(
        "connect denied unix.host-socket unix:{}",
        path.display()
    )));
    assert!(outcome.has("connect recorded unix.absent unix:/nowhere/at/all"));
}

#[test]
fn abstract_names_are_those_of_the_sandbox() {
    let name = format!("glovebox-test-{}", std::process::id());
    let host = UnixListener::bind_addr(&UnixAddress::from_abstract_name(&name).unwrap()).unwrap();
    host.set_nonblocking(true).unwrap();
    let outcome = Sandbox::default().run(|_| {
        let address = UnixAddress::from_abstract_name(&name).unwrap();
        let outside = errno(UnixStream::connect_addr(&address));
        let _inside = UnixListener::bind_addr(&address).unwrap();
        let inside = errno(UnixStream::connect_addr(&address));
        i32::from((outside, inside) != (libc::ECONNREFUSED, 0))
    });
    assert_eq!(outcome.end, End::Code(0));
    assert_eq!(host.accept().unwrap_err().kind(), ErrorKind::WouldBlock);
    assert!(outcome.has(&format!("bind recorded kernel unix:@{name}")));
}

#[test]
fn a_connection_that_waits_holds_up_nobody_and_dies_with_its_caller() {
    let outcome = Sandbox::default().run(|own| {
        let path = own.join("full");
        let listener = UnixListener::bind(&path).unwrap();
        // SAFETY: listens again, with room for one.
        unsafe { libc::listen(listener.as_raw_fd(), 0) };
        let mut held = vec![UnixStream::connect(&path).unwrap()];
        // SAFETY: the child waits in `connect` until it is killed.
        let waiting = unsafe { libc::fork() };
        if waiting == 0 {
            let _ = UnixStream::connect(&path);
            // SAFETY: ends the child at once.
            unsafe { libc::_exit(1) };
        }
        // The other one is stuck; this one is served. (Its wait shows in the kernel's name for it.)
        let stuck = format!("/proc/{waiting}/syscall");
        while !std::fs::read_to_string(&stuck)
            .unwrap()
            .starts_with(&format!("{} ", libc::SYS_connect))
        {}
        let refused = errno(TcpStream::connect((
            std::net::Ipv4Addr::from(FORBIDDEN),
            80,
        )));
        // SAFETY: kills our own child.
        unsafe { libc::kill(waiting, libc::SIGKILL) };
        let killed = common::wait(waiting);
        // And once somebody accepts, the next one gets through.
        std::thread::spawn(move || listener.incoming().for_each(drop));
        held.push(UnixStream::connect(&path).unwrap());
        i32::from(refused != libc::ENETUNREACH || killed != End::Signal(libc::SIGKILL))
    });
    assert_eq!(outcome.end, End::Code(0));
    assert!(matches!(outcome.supervisor, Ok(Ended::NobodyLeft)));
}

#[test]
fn many_connections_at_a_time_are_all_made() {
    let outcome = Sandbox::default().run(|_| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let threads: Vec<_> = (0..32)
            .map(|_| {
                std::thread::spawn(move || {
                    (0..20)
                        .filter(|_| TcpStream::connect(address).is_err())
                        .count()
                })
            })
            .collect();
        let accepting =
            std::thread::spawn(move || (0..32 * 20).for_each(|_| drop(listener.accept().unwrap())));
        let failed: usize = threads
            .into_iter()
            .map(|thread| thread.join().unwrap())
            .sum();
        accepting.join().unwrap();
        failed as i32
    });
    assert_eq!(outcome.end, End::Code(0));
}

extern "C" fn counted(_signal: i32) {}

#[test]
fn signals_do_not_disturb_a_connection_that_is_being_made() {
    let outcome = Sandbox::default().run(|_| {
        // SAFETY: the handler does nothing; the timer's structure lives until the call is over.
        unsafe {
            let mut action: libc::sigaction = std::mem::zeroed();
            action.sa_sigaction = counted as extern "C" fn(i32) as usize;
            // Without it a signal that comes before the supervisor has taken the call ends it with EINTR.
            action.sa_flags = libc::SA_RESTART;
            libc::sigaction(libc::SIGALRM, &action, std::ptr::null_mut());
            // ITIMER_REAL, every 200 us: interval and first expiry, in seconds and microseconds.
            let often = [libc::timeval {
                tv_sec: 0,
                tv_usec: 200,
            }; 2];
            common::errno_of(
                libc::SYS_setitimer,
                [0, often.as_ptr() as usize, 0, 0, 0, 0],
            );
        }
        let udp = UdpSocket::bind("127.0.0.1:0").unwrap();
        let tcp = TcpListener::bind("127.0.0.1:0").unwrap();
        let (near, far) = (udp.local_addr().unwrap(), tcp.local_addr().unwrap());
        let connect = |fd: i32, to: SocketAddr| {
            let mut bytes = (libc::AF_INET as u16).to_ne_bytes().to_vec();
            bytes.extend(to.port().to_be_bytes());
            bytes.extend([127, 0, 0, 1]);
            bytes.resize(16, 0);
            common::errno_of(
                libc::SYS_connect,
                [fd as usize, bytes.as_ptr() as usize, 16, 0, 0, 0],
            )
        };
        (0..300)
            .filter(|_| {
                // SAFETY: makes a socket.
                let stream = unsafe {
                    OwnedFd::from_raw_fd(libc::socket(libc::AF_INET, libc::SOCK_STREAM, 0))
                };
                connect(udp.as_raw_fd(), near) != 0
                    || connect(stream.as_raw_fd(), far) != 0
                    || tcp.accept().is_err()
            })
            .count() as i32
    });
    assert_eq!(outcome.end, End::Code(0));
}

#[test]
fn a_record_that_cannot_be_written_ends_the_supervisor_before_anything_happens() {
    let sandbox = Sandbox {
        sink_fails_at: Some(1),
        ..Sandbox::default()
    };
    let outcome = sandbox.run(|_| {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        listener.set_nonblocking(true).unwrap();
        let connected = errno(TcpStream::connect(listener.local_addr().unwrap()));
        // With the supervisor gone, the kernel answers for it.
        i32::from(connected != libc::ENOSYS || listener.accept().is_ok())
    });
    assert_eq!(outcome.end, End::Code(0));
    assert!(matches!(
        outcome.supervisor,
        Err(SupervisorError::Record(_))
    ));
}

#[test]
fn all_of_this_holds_for_an_ordinary_user_too() {
    common::again_as_user("connect");
}
