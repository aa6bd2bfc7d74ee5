//! The owner's terminal as standard input: what is pushed into it, the owner's shell would run later.

use crate::report::{first, Args, Attack, Outcome, Trace};
use crate::sys;

pub const ATTACKS: &[Attack] = &[
    ("terminal-input", terminal_input),
    ("terminal-control", terminal_control),
    ("terminal-beside", terminal_beside),
];

const TIOCSTI: i64 = 0x5412;
const TIOCLINUX: i64 = 0x541c;

/// Pushes one byte: by the plain call, and with bits set that the kernel does not look at (CVE-2019-10063).
fn terminal_input(_: &Args, trace: &mut Trace) -> Outcome {
    let byte = [b'x'];
    let paste = [3u8];
    let mut outcomes = Vec::new();
    let _ = trace.call("TIOCSCTTY", sys!(libc::SYS_ioctl, 0, libc::TIOCSCTTY, 1));
    for fd in 0..3 {
        for (word, command) in [
            ("TIOCSTI", TIOCSTI),
            ("TIOCSTI, high bits", TIOCSTI | 1 << 32),
            ("TIOCSTI, sign bits", TIOCSTI | (-1i64 << 32)),
        ] {
            let pushed = sys!(libc::SYS_ioctl, fd, command, byte.as_ptr());
            outcomes.push(trace.must_fail(&format!("{word} on {fd}"), pushed));
        }
        outcomes.push(trace.must_fail(
            &format!("TIOCLINUX on {fd}"),
            sys!(libc::SYS_ioctl, fd, TIOCLINUX, paste.as_ptr()),
        ));
    }
    // The controlling terminal by name, as a program would that was started from a shell.
    if let Ok(fd) = trace.call("open /dev/tty", sys::open("/dev/tty", libc::O_RDWR)) {
        outcomes.push(trace.must_fail(
            "TIOCSTI on /dev/tty",
            sys!(libc::SYS_ioctl, fd, TIOCSTI, byte.as_ptr()),
        ));
    }
    first(outcomes)
}

/// Taking the terminal away, changing what drives it, taking over the console.
fn terminal_control(_: &Args, trace: &mut Trace) -> Outcome {
    const TIOCCONS: i64 = 0x541d;
    const TIOCSETD: i64 = 0x5423;
    const TIOCVHANGUP: i64 = 0x5437;
    const TIOCSSERIAL: i64 = 0x541f;
    // N_TTY, the discipline that is there already.
    let discipline = [0i32; 4];
    let mut outcomes = Vec::new();
    for (word, command) in [
        ("TIOCCONS", TIOCCONS),
        ("TIOCSETD", TIOCSETD),
        ("TIOCVHANGUP", TIOCVHANGUP),
        ("TIOCSSERIAL", TIOCSSERIAL),
        ("KDSETMODE", 0x4b3a),
        ("VT_ACTIVATE", 0x5606),
    ] {
        outcomes
            .push(trace.must_fail(word, sys!(libc::SYS_ioctl, 0, command, discipline.as_ptr())));
    }
    first(outcomes)
}

/// A terminal of the sandbox's own devices on which somebody outside has started a program: that its input can be read and its
/// screen written to is one sandbox's own affair, but nothing must be typed into it, and it must stay with that program.
fn terminal_beside(args: &Args, trace: &mut Trace) -> Outcome {
    let until = sys::monotonic_ms() + 15_000;
    // Before it has begun it has not taken its terminal yet.
    while std::fs::metadata(args.get("begun")).is_err() {
        if sys::monotonic_ms() > until {
            return Outcome::NotTried("nobody has begun".into());
        }
        let _ = sys!(crate::older::SYS_poll, 0, 0, 20);
    }
    let flags = libc::O_RDWR | libc::O_NOCTTY | libc::O_NONBLOCK;
    let fd = match sys::open("/dev/pts/0", flags) {
        Ok(fd) => fd,
        Err(errno) => return Outcome::NotTried(format!("there is no terminal: {errno}")),
    };
    let (byte, paste) = ([b'x'], [3u8]);
    let _ = trace.call("setsid", sys!(libc::SYS_setsid));
    let taken = sys!(libc::SYS_ioctl, fd, libc::TIOCSCTTY, 1);
    let mut outcomes = vec![trace.must_fail("TIOCSCTTY", taken)];
    for (word, command) in [
        ("TIOCSTI", TIOCSTI),
        ("TIOCSTI, high bits", TIOCSTI | 1 << 32),
        ("TIOCSTI, sign bits", TIOCSTI | (-1i64 << 32)),
    ] {
        let pushed = sys!(libc::SYS_ioctl, fd, command, byte.as_ptr());
        outcomes.push(trace.must_fail(word, pushed));
    }
    let pasted = sys!(libc::SYS_ioctl, fd, TIOCLINUX, paste.as_ptr());
    outcomes.push(trace.must_fail("TIOCLINUX", pasted));
    first(outcomes)
}
