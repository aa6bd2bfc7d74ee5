//! TCP, UDP and their relatives towards a listener of the suite's: `host`, `port`.

use super::Address;
use crate::report::{first, Args, Attack, Outcome, Trace};
use crate::sys;
use crate::sys::{close, Errno, Res};

pub const ATTACKS: &[Attack] = &[
    ("tcp", tcp),
    ("tcp-nonblocking", tcp_nonblocking),
    ("tcp-fast-open", tcp_fast_open),
    ("tcp-fast-open-connect", tcp_fast_open_connect),
    ("mptcp", mptcp),
    ("transport-variants", transport_variants),
    ("raw", raw),
    ("packet", packet),
    ("listen", listen),
    ("socket-options", socket_options),
    ("connect-confusion", connect_confusion),
];

pub fn socket(trace: &mut Trace, what: &str, family: i32, kind: i32, protocol: i32) -> Res<i32> {
    trace
        .call(
            what,
            sys!(
                libc::SYS_socket,
                family,
                kind | libc::SOCK_CLOEXEC,
                protocol
            ),
        )
        .map(|fd| fd as i32)
}

pub fn connect(fd: i32, address: &Address) -> Res {
    sys!(libc::SYS_connect, fd, address.pointer(), address.length())
}

pub fn sendto(fd: i32, flags: i32, address: &Address) -> Res {
    let byte = [b'!'];
    sys!(
        libc::SYS_sendto,
        fd,
        byte.as_ptr(),
        1,
        flags | libc::MSG_NOSIGNAL,
        address.pointer(),
        address.length()
    )
}

pub fn address(args: &Args) -> Result<Address, Outcome> {
    Address::of(args).ok_or_else(|| Outcome::NotTried("no address".into()))
}

fn stream(args: &Args, trace: &mut Trace, protocol: i32) -> Outcome {
    let to = match address(args) {
        Ok(to) => to,
        Err(outcome) => return outcome,
    };
    let Ok(fd) = socket(trace, "socket", to.family, libc::SOCK_STREAM, protocol) else {
        return Outcome::Nothing;
    };
    match trace.call("connect", connect(fd, &to)) {
        Ok(_) => {
            let _ = trace.call("write", sys::write_all(fd, b"!"));
            Outcome::Effect("connected".into())
        }
        Err(_) => Outcome::Nothing,
    }
}

fn tcp(args: &Args, trace: &mut Trace) -> Outcome {
    stream(args, trace, 0)
}

fn mptcp(args: &Args, trace: &mut Trace) -> Outcome {
    const IPPROTO_MPTCP: i32 = 262;
    stream(args, trace, IPPROTO_MPTCP)
}

/// connect returns at once; the connection shows by becoming writable without an error.
fn tcp_nonblocking(args: &Args, trace: &mut Trace) -> Outcome {
    let to = match address(args) {
        Ok(to) => to,
        Err(outcome) => return outcome,
    };
    let kind = libc::SOCK_STREAM | libc::SOCK_NONBLOCK;
    let Ok(fd) = socket(trace, "socket", to.family, kind, 0) else {
        return Outcome::Nothing;
    };
    let started = trace.call("connect", connect(fd, &to));
    if !matches!(started, Ok(_) | Err(Errno(libc::EINPROGRESS))) {
        return Outcome::Nothing;
    }
    let mut poll = libc::pollfd {
        fd,
        events: libc::POLLOUT,
        revents: 0,
    };
    let _ = sys!(
        crate::older::SYS_poll,
        &mut poll as *mut libc::pollfd,
        1,
        2000
    );
    match trace.call("write", sys::write_all(fd, b"!")) {
        Ok(_) => Outcome::Effect("connected".into()),
        Err(_) => Outcome::Nothing,
    }
}

/// Data in the SYN: a connection without a call to connect.
fn tcp_fast_open(args: &Args, trace: &mut Trace) -> Outcome {
    let to = match address(args) {
        Ok(to) => to,
        Err(outcome) => return outcome,
    };
    let Ok(fd) = socket(trace, "socket", to.family, libc::SOCK_STREAM, 0) else {
        return Outcome::Nothing;
    };
    match trace.call("sendto MSG_FASTOPEN", sendto(fd, libc::MSG_FASTOPEN, &to)) {
        Ok(_) => Outcome::Effect("sent".into()),
        Err(_) => Outcome::Nothing,
    }
}

fn tcp_fast_open_connect(args: &Args, trace: &mut Trace) -> Outcome {
    let to = match address(args) {
        Ok(to) => to,
        Err(outcome) => return outcome,
    };
    let Ok(fd) = socket(trace, "socket", to.family, libc::SOCK_STREAM, 0) else {
        return Outcome::Nothing;
    };
    let on = 1i32;
    let set = sys!(
        libc::SYS_setsockopt,
        fd,
        libc::IPPROTO_TCP,
        libc::TCP_FASTOPEN_CONNECT,
        &on as *const i32,
        4
    );
    let _ = trace.call("TCP_FASTOPEN_CONNECT", set);
    // Deferred: connect answers 0 and sends nothing until the first write.
    if trace.call("connect", connect(fd, &to)).is_err() {
        return Outcome::Nothing;
    }
    match trace.call("write", sys::write_all(fd, b"!")) {
        Ok(_) => Outcome::Effect("sent".into()),
        Err(_) => Outcome::Nothing,
    }
}

/// SCTP, DCCP, UDP-Lite, ping sockets: whatever else carries bytes over IP.
fn transport_variants(args: &Args, trace: &mut Trace) -> Outcome {
    let to = match address(args) {
        Ok(to) => to,
        Err(outcome) => return outcome,
    };
    const IPPROTO_DCCP: i32 = 33;
    const IPPROTO_UDPLITE: i32 = 136;
    first(
        [
            ("SCTP stream", libc::SOCK_STREAM, libc::IPPROTO_SCTP),
            ("SCTP seqpacket", libc::SOCK_SEQPACKET, libc::IPPROTO_SCTP),
            ("DCCP", 6, IPPROTO_DCCP),
            ("UDP-Lite", libc::SOCK_DGRAM, IPPROTO_UDPLITE),
            ("ping", libc::SOCK_DGRAM, libc::IPPROTO_ICMP),
            ("SMC", libc::SOCK_STREAM, 256),
            ("reliable datagram", libc::SOCK_RDM, 0),
        ]
        .map(|(word, kind, protocol)| {
            let fd = socket(trace, word, to.family, kind, protocol);
            trace.must_fail(&format!("{word} socket"), fd)
        }),
    )
}

fn raw(_: &Args, trace: &mut Trace) -> Outcome {
    first(
        [
            ("raw ICMP", libc::AF_INET, libc::IPPROTO_ICMP),
            ("raw TCP", libc::AF_INET, libc::IPPROTO_TCP),
            ("raw IP", libc::AF_INET, libc::IPPROTO_RAW),
            ("raw ICMPv6", libc::AF_INET6, libc::IPPROTO_ICMPV6),
        ]
        .map(|(word, family, protocol)| {
            let fd = sys!(libc::SYS_socket, family, libc::SOCK_RAW, protocol);
            trace.must_fail(word, fd)
        }),
    )
}

fn packet(_: &Args, trace: &mut Trace) -> Outcome {
    /// SOCK_PACKET of Linux 2.0, which the kernel still takes.
    const OLD_PACKET: i32 = 10;
    let every = (libc::ETH_P_ALL as u16).to_be() as i32;
    first(
        [
            ("packet raw", libc::SOCK_RAW),
            ("packet datagram", libc::SOCK_DGRAM),
            ("packet old", OLD_PACKET),
        ]
        .map(|(word, kind)| {
            let fd = sys!(libc::SYS_socket, libc::AF_PACKET, kind, every);
            trace.must_fail(word, fd)
        }),
    )
}

/// Waits on a port for somebody from outside: the suite connects to it. A connection is the effect.
fn listen(args: &Args, trace: &mut Trace) -> Outcome {
    let to = match address(args) {
        Ok(to) => to,
        Err(outcome) => return outcome,
    };
    let kind = libc::SOCK_STREAM | libc::SOCK_NONBLOCK;
    let Ok(fd) = socket(trace, "socket", to.family, kind, 0) else {
        return Outcome::Nothing;
    };
    let on = 1i32;
    let _ = sys!(
        libc::SYS_setsockopt,
        fd,
        libc::SOL_SOCKET,
        libc::SO_REUSEADDR,
        &on as *const i32,
        4
    );
    let bound = trace.call("bind", sys!(libc::SYS_bind, fd, to.pointer(), to.length()));
    if bound
        .and_then(|_| trace.call("listen", sys!(libc::SYS_listen, fd, 8)))
        .is_err()
    {
        return Outcome::Nothing;
    }
    if let Err(errno) = sys::make_file(&format!("{}/listening", args.get("ws")), b"", 0o600) {
        return Outcome::NotTried(format!("listening: {errno}"));
    }
    let deadline = sys::monotonic_ms() + 5000;
    while sys::open(&format!("{}/called", args.get("ws")), libc::O_PATH)
        .map(close)
        .is_err()
    {
        if trace_accept(fd).is_ok() {
            return Outcome::Effect("somebody outside was connected to us".into());
        }
        if sys::monotonic_ms() > deadline {
            return Outcome::NotTried("nobody called".into());
        }
        std::thread::yield_now();
    }
    match trace.call("accept", trace_accept(fd)) {
        Ok(_) => Outcome::Effect("somebody outside was connected to us".into()),
        Err(_) => Outcome::Nothing,
    }
}

fn trace_accept(fd: i32) -> Res {
    sys!(libc::SYS_accept4, fd, 0, 0, libc::SOCK_CLOEXEC)
}

/// Options that need privileges over the network.
fn socket_options(_: &Args, trace: &mut Trace) -> Outcome {
    let Ok(fd) = socket(trace, "socket", libc::AF_INET, libc::SOCK_STREAM, 0) else {
        return Outcome::NotTried("no socket".into());
    };
    const IPT_SO_SET_REPLACE: i32 = 64;
    let one = [1i32; 4];
    first(
        [
            ("SO_MARK", libc::SOL_SOCKET, libc::SO_MARK),
            ("SO_DEBUG", libc::SOL_SOCKET, libc::SO_DEBUG),
            ("SO_RCVBUFFORCE", libc::SOL_SOCKET, libc::SO_RCVBUFFORCE),
            ("SO_PRIORITY 7", libc::SOL_SOCKET, libc::SO_PRIORITY),
            ("IP_TRANSPARENT", libc::IPPROTO_IP, libc::IP_TRANSPARENT),
            ("TCP_REPAIR", libc::IPPROTO_TCP, libc::TCP_REPAIR),
            ("iptables replace", libc::IPPROTO_IP, IPT_SO_SET_REPLACE),
        ]
        .map(|(word, level, option)| {
            let value = if option == libc::SO_PRIORITY {
                [7i32; 4]
            } else {
                one
            };
            let set = sys!(libc::SYS_setsockopt, fd, level, option, value.as_ptr(), 4);
            trace.must_fail(word, set)
        }),
    )
}

/// Addresses that are not what their length or family says, so that who checks and who acts may read them differently.
fn connect_confusion(args: &Args, trace: &mut Trace) -> Outcome {
    let to = match address(args) {
        Ok(to) => to,
        Err(outcome) => return outcome,
    };
    let mut outcomes = Vec::new();
    let mapped = Address::inet(
        &format!("::ffff:{}", args.get("host")),
        args.number("port") as u16,
    );
    let compatible = Address::inet(
        &format!("::{}", args.get("host")),
        args.number("port") as u16,
    );
    for (word, other) in [("mapped", mapped), ("compatible", compatible)] {
        let Some(other) = other else { continue };
        let Ok(fd) = socket(trace, word, libc::AF_INET6, libc::SOCK_STREAM, 0) else {
            continue;
        };
        outcomes.push(trace.must_fail(word, connect(fd, &other)));
    }
    // IPv4 bytes with trailing ones, a length past the structure, an IPv6 socket with an IPv4 address.
    let mut long = to.bytes.clone();
    long.resize(128, 0xff);
    for (word, family, bytes) in [
        ("long", to.family, long),
        ("family of another", libc::AF_INET6, to.bytes.clone()),
    ] {
        let Ok(fd) = socket(trace, word, family, libc::SOCK_STREAM, 0) else {
            continue;
        };
        outcomes.push(trace.must_fail(word, connect(fd, &Address { family, bytes })));
    }
    for (word, pointer, length) in [
        ("null", 0usize, 16i64),
        ("wild", 0xdead_0000, 16),
        ("negative length", 0, -1),
        ("huge length", to.pointer() as usize, 1 << 30),
    ] {
        let Ok(fd) = socket(trace, word, to.family, libc::SOCK_STREAM, 0) else {
            continue;
        };
        outcomes.push(trace.must_fail(word, sys!(libc::SYS_connect, fd, pointer, length)));
    }
    first(outcomes)
}
