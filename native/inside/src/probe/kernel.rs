//! What only the kernel can refuse: connections, other processes, its own inner workings.

use std::fs;
use std::io;
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::time::Duration;

use super::Finding;

/// 192.0.2.0/24 is for documentation (RFC 5737): a packet that got out would reach nobody.
const NOWHERE: ([u8; 4], u16) = ([192, 0, 2, 1], 9);

pub fn network() -> Finding {
    let nowhere = SocketAddr::from(NOWHERE);
    let datagram = UdpSocket::bind("0.0.0.0:0").and_then(|socket| socket.send_to(b"x", nowhere));
    let raw = call(|| {
        // SAFETY: makes a descriptor, or does not.
        i64::from(unsafe { libc::socket(libc::AF_INET, libc::SOCK_RAW, libc::IPPROTO_ICMP) })
    });
    Finding::worst(vec![
        Finding::refused(
            "connect to 192.0.2.1",
            TcpStream::connect_timeout(&nowhere, Duration::from_secs(2)),
        ),
        Finding::refused("send a datagram to 192.0.2.1", datagram),
        Finding::refused("open a raw socket", raw),
        only_loopback(),
    ])
}

fn only_loopback() -> Finding {
    let text = fs::read_to_string("/proc/self/net/dev").unwrap_or_default();
    let other = text
        .lines()
        .skip(2)
        .filter_map(|line| line.split(':').next())
        .map(str::trim)
        .find(|name| *name != "lo");
    match other {
        Some(name) => Finding {
            held: false,
            evidence: format!("there is a network device {name}"),
        },
        None => Finding {
            held: true,
            evidence: "no network device but lo".to_owned(),
        },
    }
}

/// A namespace of its own has none of the host's objects in it.
pub fn ipc() -> Finding {
    let mut tried = vec![Finding::refused(
        "open a datagram socket of the Unix family",
        call(|| {
            // SAFETY: makes a descriptor, or does not.
            i64::from(unsafe { libc::socket(libc::AF_UNIX, libc::SOCK_DGRAM, 0) })
        }),
    )];
    for kind in ["shm", "msg", "sem"] {
        let text = fs::read_to_string(format!("/proc/sysvipc/{kind}")).unwrap_or_default();
        if text.lines().count() > 1 {
            tried.push(Finding {
                held: false,
                evidence: format!("there are System V objects ({kind})"),
            });
        }
    }
    Finding::worst(tried)
}

pub fn processes() -> Finding {
    let others = fs::read_dir("/proc").map(|entries| {
        let numbers = entries
            .flatten()
            .filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok());
        numbers
            .filter(|pid| *pid != 1 && *pid != std::process::id())
            .count()
    });
    let seen = match others {
        Ok(0) => Finding {
            held: true,
            evidence: "no other process in /proc".to_owned(),
        },
        Ok(count) => Finding {
            held: false,
            evidence: format!("{count} other processes in /proc"),
        },
        Err(error) => Finding {
            held: false,
            evidence: format!("/proc cannot be listed: {error}"),
        },
    };
    let traced = call(|| {
        // SAFETY: attaches to pid 1, or does not; no memory of ours is involved.
        unsafe { libc::ptrace(libc::PTRACE_ATTACH, 1, 0, 0) }
    });
    Finding::worst(vec![Finding::refused("trace pid 1", traced), seen])
}

/// System calls that lead into the kernel's depths, each as harmless as it can be asked.
pub fn surface() -> Finding {
    let root = c"/".as_ptr();
    let none = c"none".as_ptr();
    let tmpfs = c"tmpfs".as_ptr();
    // SAFETY: constant C strings, null pointers where the call allows them, and numbers.
    let tried: [(&str, &dyn Fn() -> i64); 8] = unsafe {
        [
            ("make a user namespace", &|| {
                libc::syscall(libc::SYS_unshare, libc::CLONE_NEWUSER)
            }),
            ("mount a file system", &move || {
                libc::syscall(libc::SYS_mount, none, root, tmpfs, 0, 0)
            }),
            ("load a BPF program", &|| {
                libc::syscall(libc::SYS_bpf, 5, 0, 0)
            }),
            ("read the keyring", &|| {
                libc::syscall(libc::SYS_keyctl, 0, -3, 0)
            }),
            ("set up io_uring", &|| {
                libc::syscall(libc::SYS_io_uring_setup, 1, 0)
            }),
            ("open performance counters", &|| {
                libc::syscall(libc::SYS_perf_event_open, 0, 0, -1, -1, 0)
            }),
            ("handle page faults", &|| {
                libc::syscall(libc::SYS_userfaultfd, 1)
            }),
            ("read the kernel's log", &|| {
                libc::syscall(libc::SYS_syslog, 10, 0, 0)
            }),
        ]
    };
    Finding::worst(
        tried
            .iter()
            .map(|(what, attempt)| surface_call(what, attempt))
            .collect(),
    )
}

/// EPERM and ENOSYS are the filter's answers; anything else means that the kernel looked at the arguments.
fn surface_call(what: &str, attempt: &dyn Fn() -> i64) -> Finding {
    match call(attempt) {
        Err(error)
            if matches!(
                error.raw_os_error(),
                Some(libc::EPERM | libc::ENOSYS | libc::EACCES)
            ) =>
        {
            Finding {
                held: true,
                evidence: format!("{what}: {}", super::say(&error)),
            }
        }
        Err(error) => Finding {
            held: false,
            evidence: format!("{what}: the kernel looked at it ({error})"),
        },
        Ok(_) => Finding {
            held: false,
            evidence: format!("{what}: it worked"),
        },
    }
}

fn call(attempt: impl Fn() -> i64) -> io::Result<i64> {
    match attempt() {
        -1 => Err(io::Error::last_os_error()),
        value => Ok(value),
    }
}
