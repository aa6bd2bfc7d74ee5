//! What a virtual machine has besides what a host has: its port to the host, its drives, its monitor's devices, and an init that
//! serves the host. And what ends a machine.

use crate::network::Address;
use crate::report::{first, got, Args, Attack, Outcome, Trace};
use crate::sys;
use crate::sys::{c, close, Errno};

pub const ATTACKS: &[Attack] = &[
    ("guest-port", guest_port),
    ("guest-drives", guest_drives),
    ("guest-make-devices", guest_make_devices),
    ("guest-memory", guest_memory),
    ("guest-devices", guest_devices),
    ("guest-mount-drive", guest_mount_drive),
    ("guest-debug", guest_debug),
    ("guest-init-files", guest_init_files),
    ("guest-init-sockets", guest_init_sockets),
    ("guest-init-trace", guest_init_trace),
    ("guest-host-name", guest_host_name),
    ("guest-reboot", guest_reboot),
    ("guest-sysrq", guest_sysrq),
];

/// The bytes to the host, under every name that they might have.
fn guest_port(_: &Args, trace: &mut Trace) -> Outcome {
    let mut outcomes: Vec<Outcome> = [
        "vport0p0", "vport0p1", "vport1p1", "vport2p1", "vport3p1", "hvc0", "ttyS0",
    ]
    .iter()
    .flat_map(|name| [libc::O_RDONLY, libc::O_RDWR].map(|flags| (format!("/dev/{name}"), flags)))
    .map(|(path, flags)| {
        let opened = sys::open(&path, flags | libc::O_NONBLOCK);
        match trace.call(format!("open {path}"), opened) {
            // Somebody has it open already: it is there, and in sight.
            Ok(_) | Err(Errno(libc::EBUSY | libc::EMFILE)) => {
                Outcome::Effect(format!("{path} is there"))
            }
            Err(_) => Outcome::Nothing,
        }
    })
    .collect();
    for directory in [
        "/sys/class/virtio-ports",
        "/sys/bus/virtio/devices",
        "/dev/virtio-ports",
    ] {
        let listed = sys::open(directory, libc::O_RDONLY | libc::O_DIRECTORY);
        outcomes.push(trace.must_fail(&format!("list {directory}"), listed));
    }
    first(outcomes)
}

fn guest_drives(_: &Args, trace: &mut Trace) -> Outcome {
    first(["vda", "vdb", "vdc", "loop0", "ram0"].map(|name| {
        let path = format!("/dev/{name}");
        match trace.call(format!("read {path}"), sys::read_file(&path)) {
            Ok(bytes) => got(&path, &bytes),
            Err(_) => Outcome::Nothing,
        }
    }))
}

/// Block devices and ports have numbers that are given out as they appear: all that they could be.
fn guest_make_devices(args: &Args, trace: &mut Trace) -> Outcome {
    let mut outcomes = Vec::new();
    for (kind, majors, what) in [
        (libc::S_IFBLK, 249..=259u64, "drive"),
        (libc::S_IFCHR, 234..=254u64, "port"),
    ] {
        for major in majors {
            for minor in [0u64, 1, 16] {
                let path = format!("{}/made-{what}-{major}-{minor}", args.get("dir"));
                let name = c(&path);
                let number = (major << 8) | minor;
                let made = sys!(libc::SYS_mknodat, -100, name.as_ptr(), kind | 0o600, number);
                if trace.call(format!("mknod {path}"), made).is_ok() {
                    let opened = sys::open(&path, libc::O_RDONLY | libc::O_NONBLOCK);
                    outcomes.push(trace.must_fail(&format!("open {path}"), opened));
                    outcomes.push(Outcome::Effect(format!(
                        "a node for {what} {major}:{minor}"
                    )));
                    let _ = sys!(crate::older::SYS_unlink, name.as_ptr());
                }
            }
        }
    }
    first(outcomes)
}

fn guest_memory(_: &Args, trace: &mut Trace) -> Outcome {
    first(
        [
            "/dev/mem",
            "/dev/kmem",
            "/dev/port",
            "/dev/nvram",
            "/proc/kcore",
            "/proc/kpagecount",
            "/proc/vmallocinfo",
            "/sys/kernel/vmcoreinfo",
            "/sys/firmware/acpi/tables/DSDT",
            "/sys/kernel/boot_params/data",
        ]
        .map(|path| {
            match trace.call(format!("read {path}"), sys::read_file(path)) {
                // An empty mask is nothing.
                Ok(bytes) if bytes.is_empty() => Outcome::Nothing,
                Ok(bytes) => got(path, &bytes),
                Err(_) => Outcome::Nothing,
            }
        }),
    )
}

/// Whatever of this machine's devices the kernel shows as files.
fn guest_devices(_: &Args, trace: &mut Trace) -> Outcome {
    let kept = [
        "null", "zero", "full", "random", "urandom", "tty", "pts", "ptmx", "shm", "fd", "stdin",
        "stdout", "stderr", "mqueue", "console", "core",
    ];
    let Ok(entries) = std::fs::read_dir("/dev") else {
        return Outcome::NotTried("no /dev".into());
    };
    let strange: Vec<String> = entries
        .filter_map(|entry| entry.ok()?.file_name().into_string().ok())
        .filter(|name| !kept.contains(&name.as_str()))
        .collect();
    let _ = trace.call("list /dev", Ok(()));
    let device = trace.must_fail(
        "open /sys/dev/block",
        sys::open("/sys/dev/block", libc::O_RDONLY),
    );
    first([
        device,
        if strange.is_empty() {
            Outcome::Nothing
        } else {
            Outcome::Effect(format!("in /dev: {}", strange.join(" ")))
        },
    ])
}

fn guest_mount_drive(args: &Args, trace: &mut Trace) -> Outcome {
    let at = c(args.get("dir"));
    first(["/dev/vdb", "/dev/vda"].map(|drive| {
        let (source, kind) = (c(drive), c("erofs"));
        let mounted = sys!(
            libc::SYS_mount,
            source.as_ptr(),
            at.as_ptr(),
            kind.as_ptr(),
            libc::MS_RDONLY,
            0
        );
        let outcome = trace.must_fail(&format!("mount {drive}"), mounted);
        if matches!(outcome, Outcome::Effect(_)) {
            let _ = sys!(libc::SYS_umount2, at.as_ptr(), libc::MNT_DETACH);
        }
        outcome
    }))
}

/// File systems by which a kernel is looked into and changed.
fn guest_debug(args: &Args, trace: &mut Trace) -> Outcome {
    let at = c(args.get("dir"));
    first(
        [
            "debugfs",
            "tracefs",
            "configfs",
            "securityfs",
            "pstore",
            "devtmpfs",
            "sysfs",
            "bpf",
        ]
        .map(|kind| {
            let name = c(kind);
            let mounted = sys!(
                libc::SYS_mount,
                name.as_ptr(),
                at.as_ptr(),
                name.as_ptr(),
                0,
                0
            );
            let outcome = trace.must_fail(&format!("mount {kind}"), mounted);
            if matches!(outcome, Outcome::Effect(_)) {
                let _ = sys!(libc::SYS_umount2, at.as_ptr(), libc::MNT_DETACH);
            }
            outcome
        }),
    )
}

const OF_INIT: [&str; 6] = [
    "/run/glovebox",
    "/run/glovebox/s",
    "/run/glovebox/given",
    "/run/glovebox/work",
    "/run/glovebox/work/copy",
    "/modules",
];

/// What init keeps for its sandboxes: by name, and below the roots of all processes in sight.
fn guest_init_files(_: &Args, trace: &mut Trace) -> Outcome {
    let roots = sys::visible_pids()
        .into_iter()
        .map(|pid| format!("/proc/{pid}/root"))
        .chain([String::new(), "/proc/self/cwd/..".into(), "/..".into()]);
    let mut outcomes = Vec::new();
    for root in roots {
        for path in OF_INIT {
            let path = format!("{root}{path}");
            let opened = sys::open(&path, libc::O_RDONLY | libc::O_DIRECTORY);
            outcomes.push(trace.must_fail(&format!("list {path}"), opened));
            let made = c(&format!("{path}/planted"));
            let planted = sys!(crate::older::SYS_mkdir, made.as_ptr(), 0o777);
            outcomes.push(trace.must_fail(&format!("mkdir in {path}"), planted));
            let _ = sys!(crate::older::SYS_rmdir, made.as_ptr());
        }
    }
    first(outcomes)
}

/// The sockets by which init and the launchers speak with the host, and names that they might listen to.
fn guest_init_sockets(args: &Args, trace: &mut Trace) -> Outcome {
    let id = args.get("id");
    let mut outcomes = Vec::new();
    for name in [
        format!("/run/glovebox/s/{id}/channel"),
        format!("/run/glovebox/s/{id}/egress"),
        args.get("accomplice").to_owned(),
        format!("@/run/glovebox/s/{id}/channel"),
        "@glovebox".to_owned(),
    ] {
        let address = Address::unix(&name);
        let Ok(fd) = trace.call(
            "socket",
            sys!(
                libc::SYS_socket,
                libc::AF_UNIX,
                libc::SOCK_STREAM | libc::SOCK_NONBLOCK,
                0
            ),
        ) else {
            continue;
        };
        let connected = sys!(libc::SYS_connect, fd, address.pointer(), address.length());
        outcomes.push(trace.must_fail(&format!("connect {name}"), connected));
        close(fd as i32);
    }
    first(outcomes)
}

/// The machine's init, and all else that a number could be of.
fn guest_init_trace(_: &Args, trace: &mut Trace) -> Outcome {
    let mut outcomes = Vec::new();
    // Those of our own pid namespace that are not ours end with us; the machine's first ones have the lowest numbers.
    let own = std::process::id() as i32;
    for pid in (1..=64).filter(|pid| *pid != own) {
        let traced = sys!(libc::SYS_ptrace, libc::PTRACE_SEIZE, pid, 0, 0);
        outcomes.push(trace.must_fail(&format!("trace {pid}"), traced));
        let memory = sys::open(&format!("/proc/{pid}/mem"), libc::O_RDWR);
        if !is_ours(pid) {
            outcomes.push(trace.must_fail(&format!("open memory of {pid}"), memory));
        }
    }
    first(outcomes)
}

/// The program that runs the attacks, which may be looked into by its own children.
fn is_ours(pid: i32) -> bool {
    sys!(libc::SYS_getppid).is_ok_and(|parent| parent as i32 == pid)
}

/// Names and numbers of the machine, which the host has given it.
fn guest_host_name(_: &Args, trace: &mut Trace) -> Outcome {
    first(
        [
            "/proc/sys/kernel/hostname",
            "/proc/sys/kernel/core_pattern",
            "/proc/sys/kernel/modprobe",
            "/proc/sys/kernel/panic",
            "/proc/sys/kernel/sysrq",
            "/proc/sys/vm/overcommit_memory",
            "/proc/sys/kernel/random/write_wakeup_threshold",
            "/etc/machine-id",
            "/etc/hostname",
        ]
        .map(|path| trace.must_fail(&format!("write {path}"), sys::open(path, libc::O_WRONLY))),
    )
}

/// In earnest: where it works the machine ends, and nothing is reported. The host sees that.
fn guest_reboot(_: &Args, trace: &mut Trace) -> Outcome {
    first(
        [
            ("restart", libc::LINUX_REBOOT_CMD_RESTART),
            ("halt", libc::LINUX_REBOOT_CMD_HALT),
            ("power off", libc::LINUX_REBOOT_CMD_POWER_OFF),
            ("kexec", libc::LINUX_REBOOT_CMD_KEXEC),
        ]
        .map(|(what, command)| {
            let asked = sys!(
                libc::SYS_reboot,
                libc::LINUX_REBOOT_MAGIC1,
                libc::LINUX_REBOOT_MAGIC2,
                command,
                0
            );
            trace.must_fail(what, asked)
        }),
    )
}

fn guest_sysrq(_: &Args, trace: &mut Trace) -> Outcome {
    first([b"b", b"c", b"o", b"e", b"i"].map(|key| {
        let written =
            sys::open("/proc/sysrq-trigger", libc::O_WRONLY).and_then(|fd| sys::write_all(fd, key));
        trace.must_fail("write /proc/sysrq-trigger", written)
    }))
}
