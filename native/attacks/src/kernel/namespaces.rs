//! New namespaces, and the doors to old ones.

use crate::report::{first, Args, Attack, Outcome, Trace};
use crate::sys;
use crate::sys::Res;

pub const ATTACKS: &[Attack] = &[
    ("unshare", unshare),
    ("clone-namespaces", clone_namespaces),
    ("clone3-namespaces", clone3_namespaces),
    ("setns", setns),
    ("namespace-parent", namespace_parent),
    ("user-map", user_map),
    ("nested-user-namespace", nested_user_namespace),
];

const KINDS: &[(&str, i64)] = &[
    ("user", libc::CLONE_NEWUSER as i64),
    ("mount", libc::CLONE_NEWNS as i64),
    ("pid", libc::CLONE_NEWPID as i64),
    ("net", libc::CLONE_NEWNET as i64),
    ("ipc", libc::CLONE_NEWIPC as i64),
    ("uts", libc::CLONE_NEWUTS as i64),
    ("cgroup", libc::CLONE_NEWCGROUP as i64),
    ("time", 0x80),
];

/// Each in a child, so that one that works does not carry the next.
fn in_child(body: impl FnOnce() -> Res) -> Res {
    let pid = sys::fork_with(|| match body() {
        Ok(_) => 0,
        Err(errno) => errno.0.min(255),
    })?;
    match sys::wait_for(pid)? {
        sys::Ended::Code(0) => Ok(0),
        sys::Ended::Code(errno) => Err(sys::Errno(errno)),
        // Killed for it.
        sys::Ended::Signal(..) => Err(sys::Errno(libc::EPERM)),
    }
}

fn unshare(_: &Args, trace: &mut Trace) -> Outcome {
    first(KINDS.iter().map(|(word, flag)| {
        trace.must_fail(
            &format!("unshare {word}"),
            in_child(|| sys!(libc::SYS_unshare, *flag)),
        )
    }))
}

/// By the old call, whose flags a filter can read: also with bits above 32, and with the exit signal's bits.
fn clone_namespaces(_: &Args, trace: &mut Trace) -> Outcome {
    let mut outcomes = Vec::new();
    for (word, flag) in KINDS.iter().filter(|(_, flag)| *flag > 0xff) {
        for (extra, more) in [
            ("", 0i64),
            (", high bits", 1 << 40),
            (", exit signal", libc::SIGCHLD as i64),
        ] {
            let made = in_child(|| clone_and_wait(*flag | more));
            outcomes.push(trace.must_fail(&format!("clone {word}{extra}"), made));
        }
    }
    first(outcomes)
}

fn clone_and_wait(flags: i64) -> Res {
    match sys!(libc::SYS_clone, flags, 0, 0, 0, 0)? {
        // SAFETY: ends the child without running the parent's destructors.
        0 => unsafe { libc::_exit(0) },
        pid => sys::wait_for(pid as i32).map(|_| 0),
    }
}

/// By the new call, whose flags lie in memory where a filter cannot read them.
fn clone3_namespaces(_: &Args, trace: &mut Trace) -> Outcome {
    first(KINDS.iter().map(|(word, flag)| {
        let made = in_child(|| {
            let mut words = [0u64; 11];
            words[0] = *flag as u64;
            words[4] = libc::SIGCHLD as u64;
            match sys!(libc::SYS_clone3, words.as_ptr(), 64)? {
                // SAFETY: ends the child without running the parent's destructors.
                0 => unsafe { libc::_exit(0) },
                pid => sys::wait_for(pid as i32).map(|_| 0),
            }
        });
        trace.must_fail(&format!("clone3 {word}"), made)
    }))
}

/// Into the namespaces of pid 1 and of every process in sight, and into our own again (which needs the same rights).
fn setns(args: &Args, trace: &mut Trace) -> Outcome {
    let mut outcomes = Vec::new();
    let pids = [
        args.get("init").to_owned(),
        args.get("victim").to_owned(),
        "self".to_owned(),
    ];
    for pid in pids {
        for kind in ["user", "mnt", "pid", "net", "ipc", "uts", "cgroup"] {
            let Ok(fd) = trace.call(
                format!("open {pid}/{kind}"),
                sys::open(&format!("/proc/{pid}/ns/{kind}"), libc::O_RDONLY),
            ) else {
                continue;
            };
            outcomes.push(trace.must_fail(
                &format!("setns {pid}/{kind}"),
                in_child(|| sys!(libc::SYS_setns, fd, 0)),
            ));
        }
        if let Ok(fd) = trace.call(
            format!("pidfd_open {pid}"),
            pid.parse::<i64>()
                .map_or(Err(sys::Errno(libc::EINVAL)), |pid| {
                    sys!(libc::SYS_pidfd_open, pid, 0)
                }),
        ) {
            let all = libc::CLONE_NEWNS | libc::CLONE_NEWNET | libc::CLONE_NEWUSER;
            outcomes.push(trace.must_fail(
                &format!("setns by pidfd of {pid}"),
                in_child(|| sys!(libc::SYS_setns, fd, all)),
            ));
        }
    }
    first(outcomes)
}

/// The owner and the parent of our namespaces (ioctl_ns(2)): handles that lead outside.
fn namespace_parent(_: &Args, trace: &mut Trace) -> Outcome {
    const NS_GET_USERNS: i64 = 0xb701;
    const NS_GET_PARENT: i64 = 0xb702;
    let mut outcomes = Vec::new();
    for kind in ["user", "pid", "net", "mnt"] {
        let Ok(fd) = trace.call(
            format!("open {kind}"),
            sys::open(&format!("/proc/self/ns/{kind}"), libc::O_RDONLY),
        ) else {
            continue;
        };
        for (word, command) in [
            ("NS_GET_PARENT", NS_GET_PARENT),
            ("NS_GET_USERNS", NS_GET_USERNS),
        ] {
            let Ok(other) = trace.call(word, sys!(libc::SYS_ioctl, fd, command, 0)) else {
                continue;
            };
            outcomes.push(trace.must_fail(
                &format!("setns to {word} of {kind}"),
                in_child(|| sys!(libc::SYS_setns, other, 0)),
            ));
        }
    }
    first(outcomes)
}

/// Another mapping for the user namespace that we are in.
fn user_map(_: &Args, trace: &mut Trace) -> Outcome {
    let mut outcomes = Vec::new();
    for (file, text) in [
        ("uid_map", "0 0 1\n"),
        ("gid_map", "0 0 1\n"),
        ("setgroups", "allow\n"),
        ("projid_map", "0 0 1\n"),
    ] {
        let path = format!("/proc/self/{file}");
        let written =
            sys::open(&path, libc::O_WRONLY).and_then(|fd| sys::write_all(fd, text.as_bytes()));
        outcomes.push(trace.must_fail(&path, written));
    }
    first(outcomes)
}

/// A user namespace in a user namespace gives every capability again: mounts, interfaces, firewall (CVE-2022-0185 and many).
fn nested_user_namespace(_: &Args, trace: &mut Trace) -> Outcome {
    let done = in_child(|| {
        sys!(
            libc::SYS_unshare,
            libc::CLONE_NEWUSER | libc::CLONE_NEWNS | libc::CLONE_NEWNET
        )?;
        let (kind, at) = (sys::c("tmpfs"), sys::c("/tmp"));
        sys!(
            libc::SYS_mount,
            kind.as_ptr(),
            at.as_ptr(),
            kind.as_ptr(),
            0,
            0
        )
    });
    trace.must_fail("unshare and mount", done)
}
