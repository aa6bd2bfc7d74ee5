//! A place for control runs where everything is allowed and nothing lasts: new namespaces of every kind,
//! with all capabilities in them, and a tmpfs at `/mnt`. `throwaway PROGRAM WORD…`

use super::{become_program, unable};
use crate::sys;
use crate::sys::{c, Res};

pub fn run(words: &[String]) -> i32 {
    let (uid, gid) = (
        sys!(libc::SYS_getuid).unwrap_or(0),
        sys!(libc::SYS_getgid).unwrap_or(0),
    );
    let all = libc::CLONE_NEWUSER
        | libc::CLONE_NEWNS
        | libc::CLONE_NEWPID
        | libc::CLONE_NEWNET
        | libc::CLONE_NEWIPC
        | libc::CLONE_NEWUTS
        | libc::CLONE_NEWCGROUP;
    let ready = sys!(libc::SYS_unshare, all)
        .and_then(|_| put("/proc/self/setgroups", "deny"))
        .and_then(|_| put("/proc/self/uid_map", &format!("0 {uid} 1")))
        .and_then(|_| put("/proc/self/gid_map", &format!("0 {gid} 1")))
        .and_then(|_| mount(None, "/", libc::MS_PRIVATE | libc::MS_REC))
        .and_then(|_| mount(Some("tmpfs"), "/mnt", 0));
    if let Err(errno) = ready {
        return unable("throw-away namespaces", errno);
    }
    // The first child is pid 1 of the new pid namespace.
    let child = sys::fork_with(|| {
        match mount(Some("proc"), "/proc", 0).and_then(|_| become_program(words)) {
            Ok(_) => 0,
            Err(errno) => unable("program", errno),
        }
    });
    match child.and_then(sys::wait_for) {
        Ok(sys::Ended::Code(code)) => code,
        Ok(sys::Ended::Signal(signal, _)) => 128 + signal,
        Err(errno) => unable("child", errno),
    }
}

fn put(path: &str, text: &str) -> Res {
    let fd = sys::open(path, libc::O_WRONLY)?;
    let written = sys::write_all(fd, text.as_bytes());
    sys::close(fd);
    written
}

fn mount(kind: Option<&str>, at: &str, flags: u64) -> Res {
    let name = c(kind.unwrap_or("none"));
    let at = c(at);
    let pointer = if kind.is_some() {
        name.as_ptr()
    } else {
        std::ptr::null()
    };
    sys!(
        libc::SYS_mount,
        name.as_ptr(),
        at.as_ptr(),
        pointer,
        flags,
        0
    )
}
