//! A host for the suite: a network namespace in which every address there is belongs to it, so that whatever leaves a
//! sandbox arrives, wherever it was for, and is seen. `world` prints its pid and keeps it; for each line that it reads it
//! prints what passed since the last; it ends with its input. `within PID UID GID PROGRAM WORD…` starts a program there.

use super::capture::Capture;
use super::{become_program, unable};
use crate::network::{attribute, request, CREATE};
use crate::sys;
use crate::sys::{close, Errno, Res};

pub fn run(_: &[String]) -> i32 {
    if let Err(errno) = enter_new() {
        return unable("namespaces", errno);
    }
    let prepared = everything_is_local().and_then(|()| Capture::open());
    let mut capture = match prepared {
        Ok(capture) => capture,
        Err(errno) => return unable("world", errno),
    };
    println!("{{\"pid\":{}}}", std::process::id());
    match serve(&mut capture) {
        Ok(()) => 0,
        Err(errno) => unable("capture", errno),
    }
}

/// Reads what passes as it comes, so that nothing is lost for want of room, and answers each line.
fn serve(capture: &mut Capture) -> Res<()> {
    loop {
        let mut polls = [0, capture.descriptor()].map(|fd| libc::pollfd {
            fd,
            events: libc::POLLIN,
            revents: 0,
        });
        match sys!(crate::older::SYS_poll, polls.as_mut_ptr(), 2, -1) {
            Err(Errno(libc::EINTR)) => continue,
            other => other?,
        };
        capture.drain()?;
        if polls[0].revents != 0 {
            let asked = sys::read_some(0, 4096)?;
            if asked.is_empty() {
                return Ok(());
            }
            for _ in asked.iter().filter(|byte| **byte == b'\n') {
                println!("{}", capture.since()?);
            }
        }
    }
}

/// As root a network namespace alone; as a user one in a user namespace in which he stays himself.
fn enter_new() -> Res<()> {
    let (uid, gid) = (sys!(libc::SYS_getuid)?, sys!(libc::SYS_getgid)?);
    if uid == 0 {
        return sys!(libc::SYS_unshare, libc::CLONE_NEWNET).map(drop);
    }
    sys!(libc::SYS_unshare, libc::CLONE_NEWUSER | libc::CLONE_NEWNET)?;
    put("/proc/self/setgroups", "deny")?;
    put("/proc/self/uid_map", &format!("{uid} {uid} 1"))?;
    put("/proc/self/gid_map", &format!("{gid} {gid} 1"))
}

/// `lo` up, and a route that says of every address of both versions that it is here (ip-route(8), type local).
fn everything_is_local() -> Res<()> {
    let mut up = vec![0u8; 16];
    up[4] = 1;
    up[8] = libc::IFF_UP as u8;
    up[12] = libc::IFF_UP as u8;
    request(19, 0, &up)?;
    let through_lo = attribute(4, &1u32.to_ne_bytes());
    for (family, scope) in [(libc::AF_INET as u8, 254u8), (libc::AF_INET6 as u8, 0)] {
        // rtmsg: family, no prefixes, no service, the table of local routes, by hand, its scope, local.
        let head = [family, 0, 0, 0, 255, 4, scope, 2, 0, 0, 0, 0];
        match request(24, CREATE, &[&head[..], &through_lo].concat()) {
            // A host without version 6.
            Err(Errno(libc::EOPNOTSUPP | libc::EAFNOSUPPORT)) if family != libc::AF_INET as u8 => {}
            other => drop(other?),
        }
    }
    // Nobody but us is here: the suite's servers need no privilege for the ports that are known.
    put("/proc/sys/net/ipv4/ip_unprivileged_port_start", "0")
}

pub fn within(words: &[String]) -> i32 {
    let [pid, uid, gid, program @ ..] = words else {
        return unable("within", "PID UID GID PROGRAM is meant");
    };
    match (pid.parse(), uid.parse(), gid.parse()) {
        (Ok(pid), Ok(uid), Ok(gid)) => {
            match join(pid, uid, gid).and_then(|()| become_program(program)) {
                Ok(_) => 0,
                Err(errno) => unable("within", errno),
            }
        }
        _ => unable("within", "PID, UID and GID are numbers"),
    }
}

fn join(pid: i32, uid: u32, gid: u32) -> Res<()> {
    let is_root = sys!(libc::SYS_getuid)? == 0;
    let kinds: &[(&str, i32)] = match is_root {
        true => &[("net", libc::CLONE_NEWNET)],
        false => &[("user", libc::CLONE_NEWUSER), ("net", libc::CLONE_NEWNET)],
    };
    for (name, kind) in kinds {
        let fd = sys::open(&format!("/proc/{pid}/ns/{name}"), libc::O_RDONLY)?;
        let joined = sys!(libc::SYS_setns, fd, *kind);
        close(fd);
        joined?;
    }
    if is_root && uid != 0 {
        sys!(libc::SYS_setgroups, 0, 0)?;
        sys!(libc::SYS_setresgid, gid, gid, gid)?;
        sys!(libc::SYS_setresuid, uid, uid, uid)?;
    }
    Ok(())
}

fn put(path: &str, text: &str) -> Res<()> {
    let fd = sys::open(path, libc::O_WRONLY)?;
    let written = sys::write_all(fd, text.as_bytes());
    close(fd);
    written.map(drop)
}
