//! A conversation that goes on while the suite does something outside.

use super::{has_reached, read_until_silent, shut, target, told, unhex, PATIENCE_MS};
use crate::network::{connect, socket};
use crate::report::{got, Args, Attack, Outcome, Trace};
use crate::sys;

pub const ATTACKS: &[Attack] = &[("egress-across", across)];

/// Connects, tells on its standard output, waits for a byte on its standard input, then says `pieces` over that connection
/// and over a new one to the same place.
fn across(args: &Args, trace: &mut Trace) -> Outcome {
    let to = match target(args, trace) {
        Ok(to) => to,
        Err(outcome) => return outcome,
    };
    let Some(bytes) = unhex(args.get("pieces")) else {
        return Outcome::NotTried("a piece that is no hex".into());
    };
    let Ok(before) = socket(trace, "socket", to.family, libc::SOCK_STREAM, 0) else {
        return Outcome::Nothing;
    };
    if trace.call("connect", connect(before, &to)).is_err() {
        return Outcome::NotTried("there was no connection before".into());
    }
    let told_out =
        sys::write_all(1, b"{\"holds\":1}\n").and_then(|_| sys::read_some(0, 1).map(|_| 0));
    if trace.call("wait", told_out).is_err() {
        return Outcome::NotTried("nobody to wait for".into());
    }
    let mut heard = Vec::new();
    let mut converse = |trace: &mut Trace, fd: i32| {
        if trace.call("write", sys::write_all(fd, &bytes)).is_ok() {
            let (rest, how) = read_until_silent(fd, PATIENCE_MS);
            told(trace, how, &rest);
            heard.extend(rest);
        }
        shut(fd);
    };
    converse(trace, before);
    if let Ok(after) = socket(trace, "socket", to.family, libc::SOCK_STREAM, 0) {
        if trace.call("connect", connect(after, &to)).is_ok() {
            converse(trace, after);
        }
    }
    if has_reached(&heard) {
        return got("reached", &heard);
    }
    Outcome::Nothing
}
