//! As many connections as there can be, each of a kind that costs somebody something. Whether it disturbs others, the
//! suite finds out from another sandbox; the effect told here is only that nothing was held back.

use super::{read_until_silent, target, unhex};
use crate::network::connect;
use crate::report::{Args, Attack, Outcome, Trace};
use crate::sys;
use crate::sys::close;

pub const ATTACKS: &[Attack] = &[("egress-flood", flood)];

/// `count` connections, `held` of them at once. `how`: `open` says nothing, `half` says half of `pieces`,
/// `slow` asks and does not read, `churn` ends each at once.
fn flood(args: &Args, trace: &mut Trace) -> Outcome {
    let to = match target(args, trace) {
        Ok(to) => to,
        Err(outcome) => return outcome,
    };
    let bytes = unhex(args.get("pieces")).unwrap_or_default();
    let how = args.get("how");
    let held = args.number("held") as usize;
    let mut open = std::collections::VecDeque::new();
    let (mut made, mut refused) = (0u32, 0u32);
    for _ in 0..args.number("count") {
        let kind = libc::SOCK_STREAM | libc::SOCK_CLOEXEC;
        let Ok(fd) = sys!(libc::SYS_socket, to.family, kind, 0) else {
            refused += 1;
            if let Some(oldest) = open.pop_front() {
                close(oldest);
            }
            continue;
        };
        let fd = fd as i32;
        if connect(fd, &to).is_err() {
            refused += 1;
            close(fd);
            continue;
        }
        made += 1;
        let said = match how {
            "half" => &bytes[..bytes.len() / 2],
            "slow" => &bytes[..],
            _ => &[],
        };
        if !said.is_empty() {
            let flags = libc::MSG_NOSIGNAL | libc::MSG_DONTWAIT;
            let _ = sys!(libc::SYS_sendto, fd, said.as_ptr(), said.len(), flags, 0, 0);
        }
        if how == "churn" {
            close(fd);
            continue;
        }
        open.push_back(fd);
        if open.len() > held {
            if let Some(oldest) = open.pop_front() {
                close(oldest);
            }
        }
    }
    let _ = trace.call::<()>(format!("{made} made, {refused} refused"), Ok(()));
    // Whether those that are left live does not matter, only that they were there for a while.
    if let Some(last) = open.back() {
        let _ = read_until_silent(*last, 100);
    }
    open.into_iter().for_each(close);
    if made == 0 {
        return Outcome::NotTried("no connection was made".into());
    }
    Outcome::Nothing
}
