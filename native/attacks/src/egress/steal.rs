//! Other people's sockets: the relay's, the host's, the ports that are listened on for others.

use super::{set_option, shut};
use crate::network::{connect, socket, Address};
use crate::report::{first, Args, Attack, Outcome, Trace};
use crate::sys;
use crate::sys::{close, Res};

pub const ATTACKS: &[Attack] = &[
    ("egress-bind", bind),
    ("egress-descriptors", descriptors),
    ("egress-socket-files", socket_files),
    ("egress-link-words", link_words),
];

/// Takes a port over that is listened on for others: `hosts` separated by commas, `port`, `kind` tcp or udp.
fn bind(args: &Args, trace: &mut Trace) -> Outcome {
    let port = args.number("port") as u16;
    let datagrams = args.has("kind") && args.get("kind") == "udp";
    let kind = if datagrams {
        libc::SOCK_DGRAM
    } else {
        libc::SOCK_STREAM
    };
    let mut outcome = Outcome::Nothing;
    for host in args.get("hosts").split(',') {
        for share in [0, libc::SO_REUSEADDR, libc::SO_REUSEPORT] {
            let Some(address) = Address::inet(host, port) else {
                return Outcome::NotTried("no address".into());
            };
            let Ok(fd) = socket(trace, "socket", address.family, kind, 0) else {
                continue;
            };
            if share != 0 {
                let _ = set_option(fd, libc::SOL_SOCKET, share, 1);
            }
            let bound =
                sys!(libc::SYS_bind, fd, address.pointer(), address.length()).and_then(|_| {
                    match datagrams {
                        true => Ok(0),
                        false => sys!(libc::SYS_listen, fd, 8),
                    }
                });
            if trace
                .call(format!("bind {host}:{port} option {share}"), bound)
                .is_ok()
            {
                outcome = Outcome::Effect(format!("took {host}:{port}"));
            }
            shut(fd);
        }
    }
    outcome
}

/// A socket of the internet's out of another process: each pid up to `pids`, by pidfd_getfd, by /proc, by ptrace.
fn descriptors(args: &Args, trace: &mut Trace) -> Outcome {
    let own = sys!(libc::SYS_getpid).unwrap_or(0);
    let parent = sys!(libc::SYS_getppid).unwrap_or(0);
    let mut outcome = Outcome::Nothing;
    let mut seen = 0;
    for pid in 1..=args.number("pids") {
        if pid == own || pid == parent {
            continue;
        }
        let Ok(handle) = sys!(libc::SYS_pidfd_open, pid, 0) else {
            continue;
        };
        seen += 1;
        for fd in 0..args.number("fds") {
            if let Ok(taken) = sys!(libc::SYS_pidfd_getfd, handle, fd, 0) {
                outcome = Outcome::Effect(format!("descriptor {fd} of {pid}"));
                close(taken as i32);
            }
        }
        close(handle as i32);
        if sys!(libc::SYS_ptrace, libc::PTRACE_SEIZE, pid, 0, 0).is_ok() {
            let _ = sys!(libc::SYS_ptrace, libc::PTRACE_DETACH, pid, 0, 0);
            outcome = Outcome::Effect(format!("traced {pid}"));
        }
        let listed = std::fs::read_dir(format!("/proc/{pid}/fd"));
        if listed.is_ok_and(|entries| entries.count() > 0) {
            outcome = Outcome::Effect(format!("saw the descriptors of {pid}"));
        }
    }
    let _ = trace.call::<()>(format!("{seen} processes"), Ok(()));
    outcome
}

/// Connects to the sockets that `/proc/net/unix` shows, to the paths of one line of standard input, separated by commas,
/// and to the same through other roots.
fn socket_files(_: &Args, trace: &mut Trace) -> Outcome {
    let mut paths = String::new();
    if std::io::stdin().read_line(&mut paths).is_err() || paths.trim().is_empty() {
        return Outcome::NotTried("no paths".into());
    }
    let shown = std::fs::read_to_string("/proc/net/unix").unwrap_or_default();
    let listed = shown
        .lines()
        .filter_map(|line| line.split_whitespace().nth(7).map(str::to_owned));
    let given = paths.trim().split(',').flat_map(|path| {
        ["", "/proc/1/root", "/proc/self/root", "/proc/1/cwd/.."]
            .map(|root| format!("{root}{path}"))
    });
    let all: Vec<String> = listed
        .chain(given)
        .filter(|path| path.len() < 108)
        .collect();
    first(all.into_iter().map(|path| {
        let kinds = [libc::SOCK_STREAM, libc::SOCK_SEQPACKET];
        first(kinds.map(|kind| {
            let made = sys!(
                libc::SYS_socket,
                libc::AF_UNIX,
                kind | libc::SOCK_CLOEXEC,
                0
            );
            let tried: Res = made.and_then(|fd| {
                let answer = connect(fd as i32, &Address::unix(&path));
                close(fd as i32);
                answer
            });
            trace.must_fail(&format!("connect to {path}"), tried)
        }))
    }))
}

/// What the relay says, by a program: for every descriptor that it was given, and for each port that is listened on.
fn link_words(args: &Args, trace: &mut Trace) -> Outcome {
    let words = b"{\"link\":1}\n{\"id\":1,\"opened\":{\"address\":\"198.18.0.2\",\"port\":3128}}\n";
    let mut outcome = Outcome::Nothing;
    // The first three are the suite's own.
    for fd in 3..64 {
        let mut about = [0u8; 128];
        let mut length = 128u32;
        let peer = sys!(
            libc::SYS_getpeername,
            fd,
            about.as_mut_ptr(),
            &mut length as *mut u32
        );
        if peer.is_ok() {
            outcome = Outcome::Effect(format!("descriptor {fd} is a connected socket"));
        }
    }
    for port in args
        .get("ports")
        .split(',')
        .filter_map(|port| port.parse().ok())
    {
        for host in ["198.18.0.1", "198.18.0.2", "127.0.0.1"] {
            let Some(to) = Address::inet(host, port) else {
                continue;
            };
            let Ok(fd) = socket(trace, "socket", to.family, libc::SOCK_STREAM, 0) else {
                continue;
            };
            if trace.call("connect", connect(fd, &to)).is_ok() {
                let _ = trace.call("write", sys::write_all(fd, words));
                let (heard, _) = super::read_until_silent(fd, 300);
                if heard.windows(7).any(|window| window == b"welcome") {
                    outcome = Outcome::Effect("the host took us for the relay".into());
                }
            }
            shut(fd);
        }
    }
    outcome
}
