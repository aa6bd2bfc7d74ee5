//! Reaching objects without a name, and watching or locking what belongs to others.

use crate::report::{first, got, Args, Attack, Outcome, Trace};
use crate::sys;
use crate::sys::{c, close};

pub const ATTACKS: &[Attack] = &[
    ("file-handle", file_handle),
    ("file-handle-root", file_handle_root),
    ("inotify", inotify),
    ("fanotify", fanotify),
    ("lease", lease),
    ("lock-shared", lock_shared),
];

/// `struct file_handle` with room for the file systems of today.
#[repr(C)]
struct Handle {
    bytes: u32,
    kind: i32,
    data: [u8; 128],
}

fn file_handle(args: &Args, trace: &mut Trace) -> Outcome {
    let path = c(args.get("path"));
    let mut handle = Handle {
        bytes: 128,
        kind: 0,
        data: [0; 128],
    };
    let mut mount = 0i32;
    let named = sys!(
        libc::SYS_name_to_handle_at,
        -100,
        path.as_ptr(),
        &mut handle as *mut Handle,
        &mut mount as *mut i32,
        0
    );
    trace.must_fail("name_to_handle_at", named)
}

/// The handle of a file system's root is easy to guess (inode 2 on ext4): from there the whole disk lies open.
fn file_handle_root(args: &Args, trace: &mut Trace) -> Outcome {
    let mut outcomes = Vec::new();
    for path in [args.get("path"), "/usr", "/tmp"] {
        let Ok(mount) = trace.call(format!("open {path}"), sys::open(path, libc::O_RDONLY)) else {
            continue;
        };
        // FILEID_INO32_GEN: inode number and generation.
        let mut handle = Handle {
            bytes: 8,
            kind: 1,
            data: [0; 128],
        };
        handle.data[0] = 2;
        let opened = sys!(
            libc::SYS_open_by_handle_at,
            mount,
            &mut handle as *mut Handle,
            libc::O_RDONLY
        );
        outcomes.push(trace.must_fail("open_by_handle_at", opened));
        close(mount);
    }
    first(outcomes)
}

fn inotify(args: &Args, trace: &mut Trace) -> Outcome {
    let fd = match trace.call(
        "inotify_init1",
        sys!(libc::SYS_inotify_init1, libc::O_CLOEXEC | libc::O_NONBLOCK),
    ) {
        Ok(fd) => fd,
        Err(_) => return Outcome::Nothing,
    };
    let path = c(args.get("target"));
    let watched = sys!(libc::SYS_inotify_add_watch, fd, path.as_ptr(), 0xfff);
    trace.must_fail("watch", watched)
}

fn fanotify(args: &Args, trace: &mut Trace) -> Outcome {
    const FAN_REPORT_FID: i64 = 0x200;
    let path = c(args.get("path"));
    let mut outcomes = Vec::new();
    for (word, flags) in [
        ("fanotify_init", 0),
        ("fanotify_init FID", FAN_REPORT_FID),
        ("fanotify_init CONTENT", 4),
    ] {
        let made = sys!(libc::SYS_fanotify_init, flags, libc::O_RDONLY);
        let fd = made.unwrap_or(-1);
        outcomes.push(trace.must_fail(word, made));
        if made.is_ok() {
            let _ = trace.call(
                "mark the file system",
                sys!(
                    libc::SYS_fanotify_mark,
                    fd,
                    0x101,
                    0x20,
                    -100,
                    path.as_ptr()
                ),
            );
        }
    }
    first(outcomes)
}

/// A lease on a file of ours that the host uses too: its next open would wait for us, for up to 45 seconds.
fn lease(args: &Args, trace: &mut Trace) -> Outcome {
    let fd = match trace.call("open", sys::open(args.get("target"), libc::O_RDONLY)) {
        Ok(fd) => fd,
        Err(errno) => return Outcome::NotTried(errno.to_string()),
    };
    // The command is an int: the kernel does not look at the upper half.
    let commands = [
        i64::from(libc::F_SETLEASE),
        i64::from(libc::F_SETLEASE) | 1 << 32,
    ];
    first(commands.into_iter().flat_map(|command| {
        [libc::F_RDLCK, libc::F_WRLCK].map(|kind| {
            let set = sys!(libc::SYS_fcntl, fd, command, kind);
            trace.must_fail("F_SETLEASE", set)
        })
    }))
}

/// Holds an advisory lock on a file that was given for reading, until the end.
fn lock_shared(args: &Args, trace: &mut Trace) -> Outcome {
    let fd = match trace.call("open", sys::open(args.get("target"), libc::O_RDONLY)) {
        Ok(fd) => fd,
        Err(errno) => return Outcome::NotTried(errno.to_string()),
    };
    match trace.call(
        "flock",
        sys!(libc::SYS_flock, fd, libc::LOCK_EX | libc::LOCK_NB),
    ) {
        Ok(_) => got("locked", b""),
        Err(_) => Outcome::Nothing,
    }
}
