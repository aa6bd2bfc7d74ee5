//! Conversations: bytes of the suite's, piece by piece, to whom it says, by whatever call makes a connection.

use super::{
    has_reached, read_until_silent, readable, set_option, shut, target, told, unhex, PATIENCE_MS,
};
use crate::network::{connect, socket, Address};
use crate::report::{got, Args, Attack, Outcome, Trace};
use crate::sys;
use crate::sys::Res;

pub const ATTACKS: &[Attack] = &[
    ("egress-say", say),
    ("egress-datagram", datagram),
    ("egress-transports", transports),
];

/// `host` or `name`, `port`, `by` (how it connects), `pieces` in hex (`58*1000` is a thousand times the same, `%NAME` what the environment has), with `?` where an answer is waited for and `+` where
/// the pieces before must have gone; `end`: then it says that it has said all. The effect is an answer of the suite's listeners.
fn say(args: &Args, trace: &mut Trace) -> Outcome {
    let to = match target(args, trace) {
        Ok(to) => to,
        Err(outcome) => return outcome,
    };
    let by = if args.has("by") {
        args.get("by")
    } else {
        "connect"
    };
    let Ok(fd) = connected(trace, &to, by) else {
        return Outcome::Nothing;
    };
    let mut heard = Vec::new();
    for piece in args
        .get("pieces")
        .split(',')
        .filter(|piece| !piece.is_empty())
    {
        match piece {
            "?" => {
                let patience = sys::monotonic_ms() + PATIENCE_MS;
                if readable(fd, patience) {
                    heard.extend(sys::read_some(fd, 65536).unwrap_or_default());
                }
            }
            "+" => settle(fd),
            hex => {
                let Some(bytes) = repeated(hex) else {
                    return Outcome::NotTried("a piece that is no hex".into());
                };
                if trace.call("write", write_whole(fd, &bytes)).is_err() {
                    break;
                }
            }
        }
    }
    if args.has("end") {
        let _ = trace.call("shutdown", sys!(libc::SYS_shutdown, fd, libc::SHUT_WR));
    }
    let (rest, how) = read_until_silent(fd, PATIENCE_MS);
    heard.extend(rest);
    told(trace, how, &heard);
    shut(fd);
    if has_reached(&heard) {
        return got("reached", &heard);
    }
    Outcome::Nothing
}

fn repeated(piece: &str) -> Option<Vec<u8>> {
    if let Some(about) = piece.strip_prefix('%') {
        return variable(about);
    }
    match piece.split_once('*') {
        Some((hex, times)) => Some(unhex(hex)?.repeat(times.parse().ok()?)),
        None => unhex(piece),
    }
}

/// What the environment has, in one of the shapes in which it could be got out: `NAME`, `NAME/b64`, `NAME/hex`, or one half.
fn variable(about: &str) -> Option<Vec<u8>> {
    let (name, shape) = about.split_once('/').unwrap_or((about, ""));
    let value = std::env::var(name).ok()?.into_bytes();
    let half = value.len() / 2;
    Some(match shape {
        "b64" => base64(&value),
        "hex" => value
            .iter()
            .flat_map(|byte| format!("{byte:02x}").into_bytes())
            .collect(),
        "percent" => value
            .iter()
            .flat_map(|byte| format!("%{byte:02x}").into_bytes())
            .collect(),
        "first" => value[..half].to_vec(),
        "second" => value[half..].to_vec(),
        _ => value,
    })
}

fn base64(bytes: &[u8]) -> Vec<u8> {
    const DIGITS: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut out = Vec::new();
    for part in bytes.chunks(3) {
        let all = (0..3).fold(0u32, |all, at| {
            all << 8 | u32::from(part.get(at).copied().unwrap_or(0))
        });
        for at in 0..4 {
            let digit = DIGITS[(all >> (18 - 6 * at)) as usize & 63];
            out.push(if at <= part.len() { digit } else { b'=' });
        }
    }
    out
}

fn connected(trace: &mut Trace, to: &Address, by: &str) -> Res<i32> {
    const IPPROTO_MPTCP: i32 = 262;
    let protocol = if by == "mptcp" { IPPROTO_MPTCP } else { 0 };
    let fd = socket(trace, "socket", to.family, libc::SOCK_STREAM, protocol)?;
    if protocol == 0 {
        set_option(fd, libc::IPPROTO_TCP, libc::TCP_NODELAY, 1)?;
    }
    match by {
        "fast-open" => {
            // Nothing but the call: what was sent with it is the first piece's beginning.
            let sent = sys!(
                libc::SYS_sendto,
                fd,
                [0u8; 1].as_ptr(),
                0,
                libc::MSG_FASTOPEN | libc::MSG_NOSIGNAL,
                to.pointer(),
                to.length()
            );
            trace.call("sendto MSG_FASTOPEN", sent)?;
        }
        "fast-open-connect" => {
            let set = set_option(fd, libc::IPPROTO_TCP, libc::TCP_FASTOPEN_CONNECT, 1);
            trace.call("TCP_FASTOPEN_CONNECT", set)?;
            trace.call("connect", connect(fd, to))?;
        }
        _ => {
            trace.call("connect", connect(fd, to))?;
        }
    }
    Ok(fd)
}

fn write_whole(fd: i32, mut bytes: &[u8]) -> Res<()> {
    while !bytes.is_empty() {
        let flags = libc::MSG_NOSIGNAL;
        let sent = sys!(
            libc::SYS_sendto,
            fd,
            bytes.as_ptr(),
            bytes.len(),
            flags,
            0,
            0
        )?;
        bytes = &bytes[sent as usize..];
    }
    Ok(())
}

/// Until the other side's kernel has taken all of it; who reads there then gets it in a piece of its own, if it is quick.
fn settle(fd: i32) {
    let until = sys::monotonic_ms() + PATIENCE_MS;
    let mut left = 1i32;
    while left != 0 && sys::monotonic_ms() < until {
        if sys!(libc::SYS_ioctl, fd, libc::TIOCOUTQ, &mut left as *mut i32).is_err() {
            return;
        }
        std::thread::yield_now();
    }
    // Its own answer, if there is one, shows that it has read; else a moment is all that can be given.
    let _ = readable(fd, sys::monotonic_ms() + 40);
}

/// A datagram with the bytes of `pieces`.
fn datagram(args: &Args, trace: &mut Trace) -> Outcome {
    let to = match target(args, trace) {
        Ok(to) => to,
        Err(outcome) => return outcome,
    };
    let Some(bytes) = unhex(args.get("pieces")) else {
        return Outcome::NotTried("a piece that is no hex".into());
    };
    let Ok(fd) = socket(trace, "socket", to.family, libc::SOCK_DGRAM, 0) else {
        return Outcome::Nothing;
    };
    let _ = set_option(fd, libc::SOL_SOCKET, libc::SO_BROADCAST, 1);
    let sent = sys!(
        libc::SYS_sendto,
        fd,
        bytes.as_ptr(),
        bytes.len(),
        libc::MSG_NOSIGNAL,
        to.pointer(),
        to.length()
    );
    if trace.call("sendto", sent).is_err() {
        return Outcome::Nothing;
    }
    if !readable(fd, sys::monotonic_ms() + 300) {
        return Outcome::Nothing;
    }
    match trace.call("read", sys::read_some(fd, 65536)) {
        Ok(bytes) if has_reached(&bytes) => got("reached", &bytes),
        _ => Outcome::Nothing,
    }
}

/// Whatever else carries bytes over IP to a synthetic address: a socket that is made and connected is the effect.
fn transports(args: &Args, trace: &mut Trace) -> Outcome {
    let to = match target(args, trace) {
        Ok(to) => to,
        Err(outcome) => return outcome,
    };
    const IPPROTO_DCCP: i32 = 33;
    const IPPROTO_UDPLITE: i32 = 136;
    const IPPROTO_L2TP: i32 = 115;
    let kinds = [
        ("SCTP stream", libc::SOCK_STREAM, libc::IPPROTO_SCTP),
        ("SCTP seqpacket", libc::SOCK_SEQPACKET, libc::IPPROTO_SCTP),
        ("DCCP", 6, IPPROTO_DCCP),
        ("UDP-Lite", libc::SOCK_DGRAM, IPPROTO_UDPLITE),
        ("ping", libc::SOCK_DGRAM, libc::IPPROTO_ICMP),
        ("SMC", libc::SOCK_STREAM, 256),
        ("L2TP", libc::SOCK_DGRAM, IPPROTO_L2TP),
        ("raw", libc::SOCK_RAW, libc::IPPROTO_RAW),
    ];
    let mut outcome = Outcome::Nothing;
    for (word, kind, protocol) in kinds {
        let made = socket(trace, word, to.family, kind, protocol);
        let sent = made.and_then(|fd| {
            let answer = connect(fd, &to).and_then(|_| write_whole(fd, b"!"));
            shut(fd);
            answer
        });
        if trace.call(format!("{word} connect and send"), sent).is_ok() {
            outcome = Outcome::Effect(format!("{word} was sent"));
        }
    }
    outcome
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn base64_has_its_padding() {
        let all = ["", "f", "fo", "foo", "foob"].map(|text| base64(text.as_bytes()));
        let texts = all.map(|bytes| String::from_utf8_lossy(&bytes).into_owned());
        assert_eq!(texts, ["", "Zg==", "Zm8=", "Zm9v", "Zm9vYg=="]);
    }
}
