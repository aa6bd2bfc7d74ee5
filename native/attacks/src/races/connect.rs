//! Connections whose address, file name, working directory or descriptor is changed by a second thread
//! while the call is decided. One of the two goals is our own, the other a socket of the host's.

use super::pressure::{
    against, connect_fresh, connect_shared, contains, listener, rounds, stream, verdict, Shared,
};
use crate::files::split;
use crate::network::Address;
use crate::report::{Args, Attack, Outcome, Trace};
use crate::sys;
use crate::sys::{c, close, Res};
use std::sync::Arc;

pub const ATTACKS: &[Attack] = &[
    ("race-address", race_address),
    ("race-inet-address", race_inet_address),
    ("race-family", race_family),
    ("race-link", race_link),
    ("race-directory", race_directory),
    ("race-descriptor", race_descriptor),
];

/// The path in the address alternates between a socket of ours and one of the host's.
fn race_address(args: &Args, trace: &mut Trace) -> Outcome {
    let theirs = args.get("socket").to_owned();
    let own = own_path(args, "own");
    let fd = match trace.call("listen", listener(&Address::unix(&own))) {
        Ok(fd) => fd,
        Err(errno) => return Outcome::NotTried(errno.to_string()),
    };
    // Equally long, so that one length fits both: slashes do no harm.
    let length = theirs.len().max(own.len());
    let pad = |path: &str| format!("{}{path}", "/".repeat(length - path.len()));
    let (a, b) = (Address::unix(&pad(&own)), Address::unix(&pad(&theirs)));
    let memory = Arc::new(Shared::new(a.length()));
    memory.put(&a.bytes);
    let (flipped, a_bytes, b_bytes) = (memory.clone(), a.bytes.clone(), b.bytes);
    let result = against(
        move || {
            flipped.put(&b_bytes);
            flipped.put(&a_bytes);
        },
        || {
            rounds(
                args,
                fd,
                || connect_shared(libc::AF_UNIX, &memory, a.length()),
                |name| contains(name, b"host-"),
            )
        },
    );
    unlink(&own);
    verdict(trace, result)
}

fn unlink(path: &str) {
    let word = c(path);
    // Removes what this attack made; a control run leaves nothing.
    let _ = sys!(crate::older::SYS_unlink, word.as_ptr());
}

/// The address alternates between our own listener and the host's.
fn race_inet_address(args: &Args, trace: &mut Trace) -> Outcome {
    let (Some(own), Some(theirs)) = (Address::inet("127.0.0.1", 0), Address::of(args)) else {
        return Outcome::NotTried("no address".into());
    };
    let fd = match trace.call("listen", listener(&own)) {
        Ok(fd) => fd,
        Err(errno) => return Outcome::NotTried(errno.to_string()),
    };
    let mut bytes = [0u8; 16];
    let mut length = 16u32;
    let _ = sys!(
        libc::SYS_getsockname,
        fd,
        bytes.as_mut_ptr(),
        &mut length as *mut u32
    );
    let memory = Arc::new(Shared::new(16));
    memory.put(&bytes);
    let flipped = memory.clone();
    let goal = theirs.bytes.clone();
    // Port and address: our own listener may have the same address.
    let wanted = goal[2..8].to_vec();
    let result = against(
        move || {
            flipped.put(&goal);
            flipped.put(&bytes);
        },
        || {
            rounds(
                args,
                fd,
                || connect_shared(libc::AF_INET, &memory, 16),
                |name| name.len() >= 8 && name[2..8] == wanted,
            )
        },
    );
    verdict(trace, result)
}

/// The family itself alternates: an address that is IPv4 loopback for who checks and the host's path for who acts.
fn race_family(args: &Args, trace: &mut Trace) -> Outcome {
    let own_path = own_path(args, "own");
    let (Some(own), theirs) = (
        Address::inet("127.0.0.1", 1),
        Address::unix(args.get("socket")),
    ) else {
        return Outcome::NotTried("no address".into());
    };
    let fd = match trace.call("listen", listener(&Address::unix(&own_path))) {
        Ok(fd) => fd,
        Err(errno) => return Outcome::NotTried(errno.to_string()),
    };
    let memory = Arc::new(Shared::new(theirs.length()));
    memory.put(&theirs.bytes);
    let flipped = memory.clone();
    let goal = theirs.bytes.clone();
    let mine = Address::unix(&own_path);
    let mut turn = 0u64;
    let result = against(
        move || {
            flipped.put(&own.bytes);
            flipped.put(&goal);
        },
        || {
            let attempt = || {
                turn += 1;
                if turn % 8 == 0 {
                    // Shows that our own socket can be reached all the while.
                    let fd = stream(libc::AF_UNIX).ok()?;
                    return Some(
                        sys!(libc::SYS_connect, fd, mine.pointer(), mine.length()).map(|_| fd),
                    );
                }
                connect_shared(libc::AF_UNIX, &memory, theirs.length())
            };
            rounds(args, fd, attempt, |name| contains(name, b"host-"))
        },
    );
    unlink(&own_path);
    verdict(trace, result)
}

/// A symbolic link of ours that points by turns to our own directory and to the host's.
fn race_link(args: &Args, trace: &mut Trace) -> Outcome {
    let (directory, name) = split(args.get("socket"));
    let base = own_path(args, "race");
    let (a, b) = (format!("{base}/a"), format!("{base}/b"));
    let prepared = mkdir(&base)
        .and_then(|_| mkdir(&format!("{base}/own")))
        .and_then(|_| symlink(&format!("{base}/own"), &a))
        .and_then(|_| symlink(directory, &b))
        .and_then(|_| listener(&Address::unix(&format!("{base}/own/{name}"))));
    let fd = match trace.call("prepare", prepared) {
        Ok(fd) => fd,
        Err(errno) => return Outcome::NotTried(errno.to_string()),
    };
    let goal = Address::unix(&format!("{a}/{name}"));
    let (one, other) = (c(&a), c(&b));
    // Our own listener has the longer path, so its peers are told apart by the base.
    let ours = base.clone();
    let result = against(
        move || {
            let _ = sys!(
                libc::SYS_renameat2,
                -100,
                one.as_ptr(),
                -100,
                other.as_ptr(),
                libc::RENAME_EXCHANGE
            );
        },
        || {
            rounds(
                args,
                fd,
                || connect_fresh(&goal),
                |name| !name.is_empty() && !contains(name, ours.as_bytes()),
            )
        },
    );
    remove_all(&base);
    verdict(trace, result)
}

fn mkdir(path: &str) -> Res {
    let word = c(path);
    sys!(crate::older::SYS_mkdir, word.as_ptr(), 0o700)
}

fn symlink(to: &str, path: &str) -> Res {
    let (to, path) = (c(to), c(path));
    sys!(crate::older::SYS_symlink, to.as_ptr(), path.as_ptr())
}

fn remove_all(path: &str) {
    // What is left of an attack in a private /tmp dies with it; outside, the suite's directory does.
    let _ = std::fs::remove_dir_all(path);
}

/// A relative address, while the working directory alternates between ours and the host's.
fn race_directory(args: &Args, trace: &mut Trace) -> Outcome {
    let (directory, name) = split(args.get("socket"));
    let base = own_path(args, "race");
    let prepared = mkdir(&base).and_then(|_| listener(&Address::unix(&format!("{base}/{name}"))));
    let fd = match trace.call("prepare", prepared) {
        Ok(fd) => fd,
        Err(errno) => return Outcome::NotTried(errno.to_string()),
    };
    let goal = Address::unix(name);
    let (one, other) = (c(&base), c(directory));
    let _ = sys!(libc::SYS_chdir, one.as_ptr());
    let whole = Address::unix(&format!("{base}/{name}"));
    let ours = base.clone();
    let mut turn = 0u64;
    let result = against(
        move || {
            let _ = sys!(libc::SYS_chdir, other.as_ptr());
            let _ = sys!(libc::SYS_chdir, one.as_ptr());
        },
        || {
            let attempt = || {
                turn += 1;
                // Relative paths may be refused altogether: the whole path shows that the rest works.
                connect_fresh(if turn % 8 == 0 { &whole } else { &goal })
            };
            rounds(args, fd, attempt, |name| {
                !name.is_empty() && !contains(name, ours.as_bytes())
            })
        },
    );
    remove_all(&base);
    verdict(trace, result)
}

/// The descriptor alternates between a Unix socket and a TCP socket while its number is given to connect,
/// together with the address of the family that is wrong for one of them.
fn race_descriptor(args: &Args, trace: &mut Trace) -> Outcome {
    let own_path = own_path(args, "own");
    let own = Address::unix(&own_path);
    let fd = match trace.call("listen", listener(&own)) {
        Ok(fd) => fd,
        Err(errno) => return Outcome::NotTried(errno.to_string()),
    };
    let theirs = Address::unix(args.get("socket"));
    const NUMBER: i32 = 200;
    let mut turn = 0u64;
    let result = against(
        move || {
            for family in [libc::AF_UNIX, libc::AF_INET] {
                if let Ok(fresh) = stream(family) {
                    let _ = sys!(libc::SYS_dup3, fresh, NUMBER, libc::O_CLOEXEC);
                    close(fresh);
                }
            }
        },
        || {
            let attempt = || {
                turn += 1;
                let goal = if turn % 2 == 0 { &own } else { &theirs };
                let answer = sys!(libc::SYS_connect, NUMBER, goal.pointer(), goal.length());
                // Whom the call reached is asked of a copy, since the number may be another socket by now.
                let kept = sys!(libc::SYS_dup, NUMBER).ok()? as i32;
                Some(answer.map(|_| kept).map_err(|errno| {
                    close(kept);
                    errno
                }))
            };
            rounds(args, fd, attempt, |name| contains(name, b"host-"))
        },
    );
    unlink(&own_path);
    verdict(trace, result)
}

/// A name in a directory of our own (`own`), where sockets can be made.
fn own_path(args: &Args, name: &str) -> String {
    format!("{}/{name}-{}", args.get("own"), std::process::id())
}
