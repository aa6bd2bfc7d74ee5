//! Every other family of sockets.

use crate::report::{first, Args, Attack, Outcome, Trace};
use crate::sys;

pub const ATTACKS: &[Attack] = &[
    ("vsock", vsock),
    ("crypto-socket", crypto_socket),
    ("bluetooth", bluetooth),
    ("every-family", every_family),
];

/// To the hypervisor (context 2) and to ourselves (1): a way past any network namespace.
fn vsock(_: &Args, trace: &mut Trace) -> Outcome {
    let mut outcomes = Vec::new();
    for kind in [libc::SOCK_STREAM, libc::SOCK_DGRAM, libc::SOCK_SEQPACKET] {
        let made = sys!(libc::SYS_socket, libc::AF_VSOCK, kind, 0);
        outcomes.push(trace.must_fail("vsock socket", made));
    }
    outcomes.push(trace.must_fail("open /dev/vsock", sys::open("/dev/vsock", libc::O_RDONLY)));
    first(outcomes)
}

/// The kernel's cryptography by socket: a large surface that nothing needs.
fn crypto_socket(_: &Args, trace: &mut Trace) -> Outcome {
    trace.must_fail(
        "AF_ALG socket",
        sys!(libc::SYS_socket, libc::AF_ALG, libc::SOCK_SEQPACKET, 0),
    )
}

fn bluetooth(_: &Args, trace: &mut Trace) -> Outcome {
    first(
        [
            (libc::SOCK_RAW, 1),
            (libc::SOCK_SEQPACKET, 0),
            (libc::SOCK_STREAM, 3),
        ]
        .map(|(kind, protocol)| {
            trace.must_fail(
                "bluetooth socket",
                sys!(libc::SYS_socket, libc::AF_BLUETOOTH, kind, protocol),
            )
        }),
    )
}

/// What may be asked for at all: families 1 (unix), 2 (IPv4), 10 (IPv6), 16 (netlink). The word for the
/// family is an int: bits above 32 are not looked at by the kernel and must not be by the filter.
fn every_family(_: &Args, trace: &mut Trace) -> Outcome {
    let mut outcomes = Vec::new();
    for family in 0..64i64 {
        if [1, 2, 10, 16].contains(&family) {
            continue;
        }
        for kind in [
            libc::SOCK_STREAM,
            libc::SOCK_DGRAM,
            libc::SOCK_RAW,
            libc::SOCK_SEQPACKET,
        ] {
            let made = sys!(libc::SYS_socket, family, kind, 0);
            outcomes.push(trace.must_fail(&format!("family {family}"), made));
        }
    }
    for (word, family, kind) in [
        ("packet, high bits", 17i64, 3i64),
        ("vsock, high bits", 40, 1),
        ("alg, high bits", 38, 5),
    ] {
        let made = sys!(libc::SYS_socket, family | 1 << 32, kind | 1 << 40, 0);
        outcomes.push(trace.must_fail(word, made));
    }
    first(outcomes)
}
