//! Sockets: the network namespace is the wall; these rules keep protocols away that would be a way
//! around the supervisor, or are kernel surface that nobody needs.

use libc::*;

use super::when_addressed;
use crate::policy::Table;
use crate::rule::{on, without_bits, Rule};

pub fn add(table: &mut Table) {
    table.rule(SYS_socket, socket_rule());
    table.rule(
        SYS_socketpair,
        on(0)
            .case([AF_UNIX as u32], unix_rule())
            .otherwise(Rule::Errno(EAFNOSUPPORT)),
    );
    table.all(&[SYS_connect, SYS_bind], &Rule::Notify);
    table.rule(SYS_sendto, unless_fast_open(3, when_addressed(4)));
    // The address is behind a pointer, so every one of these is shown to the supervisor.
    table.rule(SYS_sendmsg, unless_fast_open(2, Rule::Notify));
    table.rule(SYS_sendmmsg, unless_fast_open(3, Rule::Notify));
    table.rule(SYS_setsockopt, setsockopt_rule());
    table.rule(SYS_getsockopt, getsockopt_rule());
}

/// The kernel takes the type from these bits; SOCK_NONBLOCK and SOCK_CLOEXEC lie above.
const TYPE_MASK: u32 = 0xf;

fn socket_rule() -> Rule {
    on(0)
        .case([AF_INET as u32, AF_INET6 as u32], inet_rule())
        .case([AF_UNIX as u32], unix_rule())
        .case([AF_NETLINK as u32], netlink_rule())
        .otherwise(Rule::Errno(EAFNOSUPPORT))
}

/// TCP and UDP. Not MPTCP, which Landlock does not see, nor SCTP, raw and ping sockets.
fn inet_rule() -> Rule {
    on(1)
        .mask(TYPE_MASK)
        .case([SOCK_STREAM as u32], protocol(&[0, IPPROTO_TCP]))
        .case([SOCK_DGRAM as u32], protocol(&[0, IPPROTO_UDP]))
        .otherwise(Rule::Errno(EACCES))
}

/// Without datagrams nothing but `connect` leads to a socket by its path, and `connect` is decided
/// by the supervisor. SOCK_RAW would be a datagram socket too.
fn unix_rule() -> Rule {
    on(1)
        .mask(TYPE_MASK)
        .case(
            [SOCK_STREAM as u32, SOCK_SEQPACKET as u32],
            protocol(&[0, AF_UNIX]),
        )
        .otherwise(Rule::Errno(EACCES))
}

/// Interface lists (`os.networkInterfaces()`, `getifaddrs`).
fn netlink_rule() -> Rule {
    on(1)
        .mask(TYPE_MASK)
        .case(
            [SOCK_RAW as u32, SOCK_DGRAM as u32],
            protocol(&[NETLINK_ROUTE]),
        )
        .otherwise(Rule::Errno(EACCES))
}

fn protocol(allowed: &[c_int]) -> Rule {
    let allowed: Vec<u32> = allowed.iter().map(|&p| p as u32).collect();
    on(2)
        .case(allowed, Rule::Allow)
        .otherwise(Rule::Errno(EPROTONOSUPPORT))
}

/// MSG_FASTOPEN connects without `connect`.
fn unless_fast_open(flags: u8, then: Rule) -> Rule {
    without_bits(flags, MSG_FASTOPEN as u32, then, Rule::Errno(EOPNOTSUPP))
}

/// No BPF programs on sockets, and no upper layer protocols (kTLS and kin), which load modules.
fn setsockopt_rule() -> Rule {
    let programs = [
        SO_ATTACH_FILTER,
        SO_ATTACH_BPF,
        SO_ATTACH_REUSEPORT_CBPF,
        SO_ATTACH_REUSEPORT_EBPF,
    ];
    let programs: Vec<u32> = programs.iter().map(|&o| o as u32).collect();
    on(1)
        .case(
            [SOL_SOCKET as u32],
            on(2)
                .case(programs, Rule::Errno(EPERM))
                .otherwise(Rule::Allow),
        )
        .case(
            [SOL_TCP as u32],
            on(2)
                .case([TCP_ULP as u32], Rule::Errno(ENOPROTOOPT))
                .otherwise(Rule::Allow),
        )
        .otherwise(Rule::Allow)
}

/// The supervisor makes connections, so that it is the peer whose descriptor this would give away.
fn getsockopt_rule() -> Rule {
    const SO_PEERPIDFD: u32 = 77;
    on(1)
        .case(
            [SOL_SOCKET as u32],
            on(2)
                .case([SO_PEERPIDFD], Rule::Errno(ENOPROTOOPT))
                .otherwise(Rule::Allow),
        )
        .otherwise(Rule::Allow)
}
