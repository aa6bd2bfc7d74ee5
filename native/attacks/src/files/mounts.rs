//! Changing the mount tree. `ro` is a path on a read-only mount, `dir` a directory to mount upon.

use crate::report::{first, Args, Attack, Outcome, Trace};
use crate::sys;
use crate::sys::c;

pub const ATTACKS: &[Attack] = &[
    ("mount-file-systems", mount_file_systems),
    ("mount-bind", mount_bind),
    ("remount-writable", remount_writable),
    ("mount-setattr", mount_setattr),
    ("mount-propagation", mount_propagation),
    ("open-tree", open_tree),
    ("fsopen", fsopen),
    ("fspick", fspick),
    ("pivot-root", pivot_root),
    ("chroot", chroot),
    ("umount", umount),
    ("release-agent", release_agent),
];

fn mount_file_systems(args: &Args, trace: &mut Trace) -> Outcome {
    let dir = c(args.get("dir"));
    let mut outcomes = Vec::new();
    for kind in [
        "tmpfs",
        "ramfs",
        "proc",
        "sysfs",
        "cgroup",
        "cgroup2",
        "devpts",
        "mqueue",
        "debugfs",
        "tracefs",
        "bpf",
        "fuse",
        "overlay",
        "devtmpfs",
        "binfmt_misc",
    ] {
        let name = c(kind);
        let made = sys!(
            libc::SYS_mount,
            name.as_ptr(),
            dir.as_ptr(),
            name.as_ptr(),
            0,
            0
        );
        outcomes.push(trace.must_fail(&format!("mount {kind}"), made));
    }
    first(outcomes)
}

fn mount_bind(args: &Args, trace: &mut Trace) -> Outcome {
    let dir = c(args.get("dir"));
    first(["/", "/proc/self/root", args.get("ro")].map(|from| {
        let from_c = c(from);
        let flags = libc::MS_BIND | libc::MS_REC;
        trace.must_fail(
            &format!("bind {from}"),
            sys!(libc::SYS_mount, from_c.as_ptr(), dir.as_ptr(), 0, flags, 0),
        )
    }))
}

fn remount_writable(args: &Args, trace: &mut Trace) -> Outcome {
    let mut outcomes = Vec::new();
    for path in [
        "/",
        "/usr",
        "/proc",
        "/proc/sys",
        "/dev",
        args.get("ro"),
        args.get("dir"),
    ] {
        let at = c(path);
        for (word, flags) in [
            ("bind,remount", libc::MS_REMOUNT | libc::MS_BIND),
            ("remount", libc::MS_REMOUNT),
        ] {
            let made = sys!(libc::SYS_mount, 0, at.as_ptr(), 0, flags, 0);
            outcomes.push(trace.must_fail(&format!("{word} {path}"), made));
        }
    }
    first(outcomes)
}

/// `struct mount_attr` of mount_setattr(2).
#[repr(C)]
struct MountAttr {
    set: u64,
    clear: u64,
    propagation: u64,
    userns_fd: u64,
}

const MOUNT_ATTR_ALL: u64 = 0x1 | 0x2 | 0x4 | 0x8;
const AT_RECURSIVE: i64 = 0x8000;

fn mount_setattr(args: &Args, trace: &mut Trace) -> Outcome {
    let mut outcomes = Vec::new();
    for path in ["/", "/usr", args.get("ro"), args.get("dir")] {
        let at = c(path);
        let attr = MountAttr {
            set: 0,
            clear: MOUNT_ATTR_ALL,
            propagation: 0,
            userns_fd: 0,
        };
        for flags in [0, AT_RECURSIVE] {
            let made = sys!(
                libc::SYS_mount_setattr,
                -100,
                at.as_ptr(),
                flags,
                &attr as *const MountAttr,
                32
            );
            outcomes.push(trace.must_fail(&format!("mount_setattr {path}"), made));
        }
    }
    first(outcomes)
}

fn mount_propagation(_: &Args, trace: &mut Trace) -> Outcome {
    let root = c("/");
    let kinds = [
        ("unbindable", libc::MS_UNBINDABLE),
        ("shared", libc::MS_SHARED),
        ("slave", libc::MS_SLAVE),
    ];
    first(kinds.map(|(word, flag)| {
        let made = sys!(libc::SYS_mount, 0, root.as_ptr(), 0, flag | libc::MS_REC, 0);
        trace.must_fail(word, made)
    }))
}

/// A detached copy of a tree, mounted elsewhere by move_mount(2).
fn open_tree(args: &Args, trace: &mut Trace) -> Outcome {
    const OPEN_TREE_CLONE: i64 = 1;
    let (from, to, empty) = (c(args.get("ro")), c(args.get("dir")), c(""));
    let tree = sys!(
        libc::SYS_open_tree,
        -100,
        from.as_ptr(),
        OPEN_TREE_CLONE | AT_RECURSIVE
    );
    let cloned = trace.call("open_tree", tree);
    let fd = *cloned.as_ref().unwrap_or(&-1);
    let moved = sys!(
        libc::SYS_move_mount,
        fd,
        empty.as_ptr(),
        -100,
        to.as_ptr(),
        4
    );
    let moved = trace.must_fail("move_mount", moved);
    let old = trace.must_fail("move_mount /usr", {
        let usr = c("/usr");
        sys!(
            libc::SYS_move_mount,
            -100,
            usr.as_ptr(),
            -100,
            to.as_ptr(),
            0
        )
    });
    match cloned {
        Ok(_) => Outcome::Effect("open_tree cloned a mount".into()),
        Err(_) => first([moved, old]),
    }
}

fn fsopen(_: &Args, trace: &mut Trace) -> Outcome {
    let mut outcomes = Vec::new();
    for kind in ["tmpfs", "proc", "cgroup2", "ext4", "overlay"] {
        let name = c(kind);
        outcomes.push(trace.must_fail(
            &format!("fsopen {kind}"),
            sys!(libc::SYS_fsopen, name.as_ptr(), 0),
        ));
    }
    let key = c("source");
    // Command 6: create the superblock. EBADF would mean that the call itself is open to us.
    let config = sys!(libc::SYS_fsconfig, -1, 6, key.as_ptr(), 0, 0);
    outcomes.push(past_filter(trace, "fsconfig", config));
    outcomes.push(past_filter(
        trace,
        "fsmount",
        sys!(libc::SYS_fsmount, -1, 0, 0),
    ));
    first(outcomes)
}

/// EBADF is the kernel's own answer: the call got through to where the descriptor is looked at.
fn past_filter(trace: &mut Trace, what: &str, result: crate::sys::Res) -> Outcome {
    match trace.call(what, result) {
        Ok(_) | Err(crate::sys::Errno(libc::EBADF)) => {
            Outcome::Effect(format!("{what} is open to us"))
        }
        Err(_) => Outcome::Nothing,
    }
}

fn fspick(args: &Args, trace: &mut Trace) -> Outcome {
    first(["/", "/tmp", "/proc", args.get("dir")].map(|path| {
        let at = c(path);
        trace.must_fail(
            &format!("fspick {path}"),
            sys!(libc::SYS_fspick, -100, at.as_ptr(), 0),
        )
    }))
}

fn pivot_root(args: &Args, trace: &mut Trace) -> Outcome {
    let (dot, dir) = (c("."), c(args.get("dir")));
    let entered = sys!(libc::SYS_chdir, dir.as_ptr());
    if let Err(errno) = entered {
        return Outcome::NotTried(format!("chdir: {errno}"));
    }
    trace.must_fail(
        "pivot_root",
        sys!(libc::SYS_pivot_root, dot.as_ptr(), dot.as_ptr()),
    )
}

/// The classic: a new root below, a working directory above it.
fn chroot(args: &Args, trace: &mut Trace) -> Outcome {
    let dir = c(args.get("dir"));
    let changed = trace.must_fail("chroot", sys!(libc::SYS_chroot, dir.as_ptr()));
    let up = c("..");
    for _ in 0..64 {
        if sys!(libc::SYS_chdir, up.as_ptr()).is_err() {
            break;
        }
    }
    let dot = c(".");
    first([
        changed,
        trace.must_fail("chroot .", sys!(libc::SYS_chroot, dot.as_ptr())),
    ])
}

/// Takes away every mount in sight, to see what it hides.
fn umount(_: &Args, trace: &mut Trace) -> Outcome {
    let Ok(table) = std::fs::read_to_string("/proc/self/mountinfo") else {
        return Outcome::NotTried("no mountinfo".into());
    };
    let mut outcomes = Vec::new();
    for point in table
        .lines()
        .rev()
        .filter_map(|line| line.split(' ').nth(4))
    {
        let at = c(point);
        let gone = sys!(libc::SYS_umount2, at.as_ptr(), libc::MNT_DETACH);
        outcomes.push(trace.must_fail(&format!("umount {point}"), gone));
    }
    first(outcomes)
}

/// CVE-2022-0492: a control group's release agent is run by the kernel as root, outside.
fn release_agent(_: &Args, trace: &mut Trace) -> Outcome {
    let mut outcomes = Vec::new();
    for root in [
        "/sys/fs/cgroup",
        "/sys/fs/cgroup/memory",
        "/sys/fs/cgroup/pids",
        "/sys/fs/cgroup/unified",
    ] {
        for file in [
            "release_agent",
            "cgroup.procs",
            "memory.limit_in_bytes",
            "pids.max",
            "cgroup.subtree_control",
        ] {
            let opened = crate::sys::open(&format!("{root}/{file}"), libc::O_WRONLY);
            outcomes.push(trace.must_fail(&format!("open {root}/{file}"), opened));
        }
    }
    first(outcomes)
}
