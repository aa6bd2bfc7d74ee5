//! Device files: made, found, opened.

use crate::report::{first, Args, Attack, Outcome, Trace};
use crate::sys;
use crate::sys::{c, Res};

pub const ATTACKS: &[Attack] = &[
    ("make-devices", make_devices),
    ("open-devices", open_devices),
    ("foreign-device", foreign_device),
    ("foreign-terminals", foreign_terminals),
    ("write-device-directory", write_device_directory),
];

fn device(major: u64, minor: u64) -> u64 {
    (major << 8) | (minor & 0xff) | ((minor & !0xff) << 12)
}

/// The memory, the console, the disk below the workspace: made in each directory that may be written.
fn make_devices(args: &Args, trace: &mut Trace) -> Outcome {
    let disk = match std::fs::metadata(args.get("ws")) {
        Ok(about) => std::os::unix::fs::MetadataExt::dev(&about),
        Err(_) => device(8, 0),
    };
    let mut outcomes = Vec::new();
    for directory in [
        args.get("ws"),
        "/tmp",
        "/dev/shm",
        "/dev",
        "/run",
        "/var/tmp",
    ] {
        for (name, kind, number) in [
            ("mem", libc::S_IFCHR, device(1, 1)),
            ("kmsg", libc::S_IFCHR, device(1, 11)),
            ("disk", libc::S_IFBLK, disk),
        ] {
            let path = c(&format!("{directory}/glovebox-made-{name}"));
            let made = sys!(libc::SYS_mknodat, -100, path.as_ptr(), kind | 0o600, number);
            outcomes.push(trace.must_fail(&format!("mknod {directory} {name}"), made));
            // A node that a control run made must not stay.
            let _ = sys!(crate::older::SYS_unlink, path.as_ptr());
        }
    }
    first(outcomes)
}

/// Anything in /dev beyond what a program needs.
fn open_devices(_: &Args, trace: &mut Trace) -> Outcome {
    first(
        [
            "mem",
            "kmem",
            "port",
            "kmsg",
            "vda",
            "sda",
            "nvme0n1",
            "dm-0",
            "loop0",
            "loop-control",
            "kvm",
            "fuse",
            "net/tun",
            "vsock",
            "vhost-net",
            "console",
            "tty",
            "tty0",
            "tty1",
            "vcs",
            "ttyS0",
            "autofs",
            "hwrng",
            "userfaultfd",
            "cpu_dma_latency",
            "snapshot",
            "rtc0",
            "mapper/control",
            "btrfs-control",
            "input/event0",
            "dri/card0",
            "uinput",
            "uhid",
            "vga_arbiter",
            "hpet",
            "cuse",
        ]
        .map(|name| {
            let opened = sys::open(&format!("/dev/{name}"), libc::O_RDONLY | libc::O_NONBLOCK);
            trace.must_fail(&format!("open /dev/{name}"), opened)
        }),
    )
}

/// A device node that somebody left in a directory which is given to the sandbox.
fn foreign_device(args: &Args, trace: &mut Trace) -> Outcome {
    first([libc::O_RDONLY, libc::O_RDWR].map(|flags| {
        let opened: Res<i32> = sys::open(args.get("target"), flags | libc::O_NONBLOCK);
        trace.must_fail("open device", opened)
    }))
}

/// Terminals of the host by number, and ours by /dev/tty.
fn foreign_terminals(_: &Args, trace: &mut Trace) -> Outcome {
    let mut outcomes = Vec::new();
    for number in 0..32 {
        let opened = sys::open(&format!("/dev/pts/{number}"), libc::O_RDWR | libc::O_NOCTTY);
        outcomes.push(trace.must_fail(&format!("open /dev/pts/{number}"), opened));
    }
    outcomes.push(trace.must_fail("open /dev/tty", sys::open("/dev/tty", libc::O_RDWR)));
    first(outcomes)
}

/// New names in /dev, and other contents for old ones.
fn write_device_directory(_: &Args, trace: &mut Trace) -> Outcome {
    let (null, other, made) = (c("/dev/null"), c("/dev/null2"), c("/dev/glovebox-made"));
    let renamed = trace.must_fail(
        "rename /dev/null",
        sys!(crate::older::SYS_rename, null.as_ptr(), other.as_ptr()),
    );
    if matches!(renamed, Outcome::Effect(_)) {
        let _ = sys!(crate::older::SYS_rename, other.as_ptr(), null.as_ptr());
    }
    let created = trace.must_fail(
        "create in /dev",
        sys::open_mode("/dev/glovebox-made", libc::O_CREAT | libc::O_WRONLY, 0o600),
    );
    let _ = sys!(crate::older::SYS_unlink, made.as_ptr());
    first([renamed, created])
}
