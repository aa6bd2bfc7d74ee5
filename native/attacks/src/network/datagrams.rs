//! UDP, by every call that sends, towards a listener of the suite's: `host`, `port`.

use super::inet::{address, connect, sendto, socket};
use super::Address;
use crate::report::{Args, Attack, Outcome, Trace};
use crate::sys;
use crate::sys::Res;

pub const ATTACKS: &[Attack] = &[
    ("udp", udp),
    ("udp-connected", udp_connected),
    ("udp-sendmsg", udp_sendmsg),
    ("udp-sendmmsg", udp_sendmmsg),
    ("given-socket", given_socket),
];

fn datagram(args: &Args, trace: &mut Trace) -> Result<(i32, Address), Outcome> {
    let to = address(args)?;
    match socket(trace, "socket", to.family, libc::SOCK_DGRAM, 0) {
        Ok(fd) => Ok((fd, to)),
        Err(_) => Err(Outcome::Nothing),
    }
}

/// A datagram that was taken says little: to our own loopback it is taken and lost. The suite looks at the listener.
fn sent(trace: &mut Trace, args: &Args, what: &str, result: Res) -> Outcome {
    match trace.call(what, result) {
        Ok(_) if !args.has("own-loopback") => Outcome::Effect("sent".into()),
        _ => Outcome::Nothing,
    }
}

fn udp(args: &Args, trace: &mut Trace) -> Outcome {
    match datagram(args, trace) {
        Ok((fd, to)) => sent(trace, args, "sendto", sendto(fd, 0, &to)),
        Err(outcome) => outcome,
    }
}

fn udp_connected(args: &Args, trace: &mut Trace) -> Outcome {
    match datagram(args, trace) {
        Ok((fd, to)) => {
            if trace.call("connect", connect(fd, &to)).is_err() {
                return Outcome::Nothing;
            }
            sent(trace, args, "write", sys::write_all(fd, b"!"))
        }
        Err(outcome) => outcome,
    }
}

/// A message of one byte to an address; `header` must not outlive the two.
fn message(to: &Address, piece: &mut libc::iovec) -> libc::msghdr {
    // SAFETY: all zeros is a valid empty msghdr.
    let mut header: libc::msghdr = unsafe { std::mem::zeroed() };
    header.msg_name = to.pointer() as *mut libc::c_void;
    header.msg_namelen = to.length() as u32;
    header.msg_iov = piece;
    header.msg_iovlen = 1;
    header
}

fn udp_sendmsg(args: &Args, trace: &mut Trace) -> Outcome {
    match datagram(args, trace) {
        Ok((fd, to)) => {
            let mut byte = [b'!'];
            let mut piece = libc::iovec {
                iov_base: byte.as_mut_ptr().cast(),
                iov_len: 1,
            };
            let header = message(&to, &mut piece);
            sent(
                trace,
                args,
                "sendmsg",
                sys!(libc::SYS_sendmsg, fd, &header as *const libc::msghdr, 0),
            )
        }
        Err(outcome) => outcome,
    }
}

fn udp_sendmmsg(args: &Args, trace: &mut Trace) -> Outcome {
    match datagram(args, trace) {
        Ok((fd, to)) => {
            let mut byte = [b'!'];
            let mut piece = libc::iovec {
                iov_base: byte.as_mut_ptr().cast(),
                iov_len: 1,
            };
            let mut many = [libc::mmsghdr {
                msg_hdr: message(&to, &mut piece),
                msg_len: 0,
            }];
            sent(
                trace,
                args,
                "sendmmsg",
                sys!(libc::SYS_sendmmsg, fd, many.as_mut_ptr(), 1, 0),
            )
        }
        Err(outcome) => outcome,
    }
}

/// The standard input is a socket of the host's network: what is sent through it goes out there.
fn given_socket(args: &Args, trace: &mut Trace) -> Outcome {
    let to = match address(args) {
        Ok(to) => to,
        Err(outcome) => return outcome,
    };
    let mut byte = [b'!'];
    let mut piece = libc::iovec {
        iov_base: byte.as_mut_ptr().cast(),
        iov_len: 1,
    };
    let header = message(&to, &mut piece);
    let pointer = &header as *const libc::msghdr;
    crate::report::first([
        trace.must_fail("sendto", sendto(0, 0, &to)),
        trace.must_fail("sendmsg", sys!(libc::SYS_sendmsg, 0, pointer, 0)),
        trace.must_fail("connect", connect(0, &to)),
    ])
}
