//! Calls that need privileges, with arguments that change nothing when they are granted: what was read is
//! written back, or an argument that is looked at only after the privilege is wrong.

use crate::report::{first, Args, Attack, Outcome, Trace};
use crate::sys;
use crate::sys::{c, Errno, Res};

pub const ATTACKS: &[Attack] = &[
    ("reboot", reboot),
    ("set-time", set_time),
    ("host-name", host_name),
    ("modules", modules),
    ("kexec", kexec),
    ("swap", swap),
    ("quota", quota),
    ("kernel-log", kernel_log),
    ("accounting", accounting),
    ("ports", ports),
];

/// `beyond`: what the kernel answers only to those who may.
pub fn unless(trace: &mut Trace, what: &str, result: Res, beyond: &[i32]) -> Outcome {
    match trace.call(what, result) {
        Ok(_) => Outcome::Effect(format!("{what} worked")),
        Err(Errno(number)) if beyond.contains(&number) => {
            Outcome::Effect(format!("{what} passed the check of rights"))
        }
        Err(_) => Outcome::Nothing,
    }
}

/// Wrong magic numbers: the kernel looks at them after the capability (EINVAL).
fn reboot(_: &Args, trace: &mut Trace) -> Outcome {
    unless(
        trace,
        "reboot",
        sys!(libc::SYS_reboot, 0, 0, 0, 0),
        &[libc::EINVAL],
    )
}

fn set_time(_: &Args, trace: &mut Trace) -> Outcome {
    let mut zone = [0i32; 2];
    let _ = sys!(libc::SYS_gettimeofday, 0, zone.as_mut_ptr());
    let written = trace.must_fail(
        "settimeofday zone",
        sys!(libc::SYS_settimeofday, 0, zone.as_ptr()),
    );
    // struct timex: the first word says what is set; ADJ_TICK with the tick that was read.
    let mut timex = [0i64; 32];
    let _ = sys!(libc::SYS_adjtimex, timex.as_mut_ptr());
    timex[0] = 0x4000;
    let adjusted = trace.must_fail("adjtimex", sys!(libc::SYS_adjtimex, timex.as_mut_ptr()));
    timex[0] = 0x4000;
    let clock = trace.must_fail(
        "clock_adjtime",
        sys!(libc::SYS_clock_adjtime, 0, timex.as_mut_ptr()),
    );
    first([written, adjusted, clock])
}

fn host_name(_: &Args, trace: &mut Trace) -> Outcome {
    let name = std::fs::read_to_string("/proc/sys/kernel/hostname").unwrap_or_default();
    let name = name.trim_end();
    first([
        trace.must_fail(
            "sethostname",
            sys!(libc::SYS_sethostname, name.as_ptr(), name.len()),
        ),
        trace.must_fail(
            "setdomainname",
            sys!(libc::SYS_setdomainname, name.as_ptr(), name.len()),
        ),
    ])
}

/// No module at a wild address (EFAULT), none in a bad descriptor (EBADF), none of that name (ENOENT).
fn modules(_: &Args, trace: &mut Trace) -> Outcome {
    let name = c("glovebox-none");
    let beyond = [
        libc::EFAULT,
        libc::EBADF,
        libc::ENOENT,
        libc::ENOEXEC,
        libc::EINVAL,
    ];
    first([
        unless(
            trace,
            "init_module",
            sys!(libc::SYS_init_module, 1, 4096, 1),
            &beyond,
        ),
        unless(
            trace,
            "finit_module",
            sys!(libc::SYS_finit_module, -1, name.as_ptr(), 0),
            &beyond,
        ),
        unless(
            trace,
            "delete_module",
            sys!(libc::SYS_delete_module, name.as_ptr(), libc::O_NONBLOCK),
            &beyond,
        ),
    ])
}

fn kexec(_: &Args, trace: &mut Trace) -> Outcome {
    let beyond = [libc::EINVAL, libc::EBADF, libc::EFAULT, libc::EADDRNOTAVAIL];
    first([
        unless(
            trace,
            "kexec_load",
            sys!(libc::SYS_kexec_load, 0, 100, 1, u32::MAX),
            &beyond,
        ),
        unless(
            trace,
            "kexec_file_load",
            sys!(libc::SYS_kexec_file_load, -1, -1, 0, 0, -1),
            &beyond,
        ),
    ])
}

fn swap(_: &Args, trace: &mut Trace) -> Outcome {
    let path = c("/glovebox-none");
    first([
        unless(
            trace,
            "swapon",
            sys!(libc::SYS_swapon, path.as_ptr(), 0),
            &[libc::ENOENT, libc::EINVAL],
        ),
        unless(
            trace,
            "swapoff",
            sys!(libc::SYS_swapoff, path.as_ptr()),
            &[libc::ENOENT, libc::EINVAL],
        ),
    ])
}

/// Q_SYNC (0x800001) on no device needs no privilege and shows that the call is open at all; Q_GETQUOTA does.
fn quota(_: &Args, trace: &mut Trace) -> Outcome {
    let mut buffer = [0u8; 256];
    let path = c("/");
    let beyond = [
        libc::ENODEV,
        libc::ENOTBLK,
        libc::ESRCH,
        libc::ENOENT,
        libc::EINVAL,
    ];
    first([
        unless(
            trace,
            "quotactl sync",
            sys!(libc::SYS_quotactl, 0x80_0001u32 << 8, 0, 0, 0),
            &beyond,
        ),
        unless(
            trace,
            "quotactl get",
            sys!(
                libc::SYS_quotactl,
                0x80_0007u32 << 8,
                path.as_ptr(),
                0,
                buffer.as_mut_ptr()
            ),
            &beyond,
        ),
        unless(
            trace,
            "quotactl_fd",
            sys!(443, -1, 0x80_0007u32 << 8, 0, buffer.as_mut_ptr()),
            &[libc::EBADF],
        ),
    ])
}

fn kernel_log(_: &Args, trace: &mut Trace) -> Outcome {
    let mut buffer = [0u8; 256];
    first([
        trace.must_fail(
            "syslog read all",
            sys!(libc::SYS_syslog, 3, buffer.as_mut_ptr(), 256),
        ),
        trace.must_fail("syslog size", sys!(libc::SYS_syslog, 10, 0, 0)),
        trace.must_fail("open /dev/kmsg", sys::open("/dev/kmsg", libc::O_WRONLY)),
    ])
}

/// acct with a path that is not there; vhangup on a process without a terminal.
fn accounting(_: &Args, trace: &mut Trace) -> Outcome {
    let path = c("/glovebox-none");
    first([
        unless(
            trace,
            "acct",
            sys!(libc::SYS_acct, path.as_ptr()),
            &[libc::ENOENT],
        ),
        trace.must_fail("vhangup", {
            let _ = sys!(libc::SYS_setsid);
            sys!(libc::SYS_vhangup)
        }),
    ])
}

#[cfg(target_arch = "x86_64")]
fn ports(_: &Args, trace: &mut Trace) -> Outcome {
    first([
        trace.must_fail("iopl", sys!(libc::SYS_iopl, 3)),
        trace.must_fail("ioperm", sys!(libc::SYS_ioperm, 0x80, 1, 1)),
        trace.must_fail("open /dev/port", sys::open("/dev/port", libc::O_RDWR)),
    ])
}

#[cfg(not(target_arch = "x86_64"))]
fn ports(_: &Args, trace: &mut Trace) -> Outcome {
    trace.must_fail("open /dev/port", sys::open("/dev/port", libc::O_RDWR))
}
