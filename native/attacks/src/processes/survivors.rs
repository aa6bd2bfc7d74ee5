//! Processes that mean to outlive the sandbox. The suite looks for `marker`, which stands in their
//! command lines, after the sandbox has ended.

use crate::report::{Args, Attack, Outcome, Trace};
use crate::sys;

pub const ATTACKS: &[Attack] = &[
    ("survive", survive),
    ("kill-init", kill_init),
    ("stop-everybody", stop_everybody),
    ("stay", stay),
];

/// A daemon (setsid, two forks, every signal ignored, closed streams), one whose parent stays, and a
/// family that forks anew whenever one of it dies. Says nothing itself: what is left afterwards counts.
fn survive(args: &Args, trace: &mut Trace) -> Outcome {
    let marker = args.get("marker").to_owned();
    let daemon = sys::fork_with(|| {
        let _ = sys!(libc::SYS_setsid);
        match sys::fork_with(|| linger(&marker)) {
            Ok(_) => 0,
            Err(_) => 1,
        }
    });
    let ended = trace.call("double fork", daemon.and_then(sys::wait_for));
    let beside = trace.call("fork", sys::fork_with(|| linger(&marker)));
    let hydra = sys::fork_with(|| {
        let_go();
        for _ in 0..1000 {
            match sys::fork_with(|| linger(&marker)) {
                Ok(head) => {
                    let _ = sys::wait_for(head);
                }
                Err(_) => return 1,
            }
        }
        0
    });
    let _ = trace.call("hydra", hydra);
    match (ended, beside, hydra) {
        (Ok(_), Ok(_), Ok(_)) => Outcome::Nothing,
        _ => Outcome::NotTried("a fork failed".into()),
    }
}

/// Ignores every signal and keeps no descriptor, so that nobody who waits for one waits for us.
fn let_go() {
    for fd in 0..64 {
        sys::close(fd);
    }
    for signal in 1..65 {
        // SAFETY: sets a disposition; refused for the two that cannot be ignored.
        unsafe { libc::signal(signal, libc::SIG_IGN) };
    }
}

/// Becomes a program of our own that waits with the marker among its words.
fn linger(marker: &str) -> i32 {
    let_go();
    let (path, own) = (sys::c("/proc/self/exe"), sys::c("attacks"));
    let (word, marker) = (sys::c("linger"), sys::c(marker));
    let argv = [
        own.as_ptr(),
        word.as_ptr(),
        marker.as_ptr(),
        std::ptr::null(),
    ];
    let environment: [*const i8; 1] = [std::ptr::null()];
    let _ = sys!(
        libc::SYS_execve,
        path.as_ptr(),
        argv.as_ptr(),
        environment.as_ptr()
    );
    // Not executed: stay as we are, which the suite cannot see by the marker but by the process count.
    loop {
        let _ = sys!(crate::older::SYS_pause);
    }
}

/// Pid 1 of the sandbox, by every signal: it must not die, stop, or leave the sandbox without a parent.
fn kill_init(args: &Args, trace: &mut Trace) -> Outcome {
    let init = args.number("init");
    for signal in 1..65 {
        let _ = trace.call(
            format!("signal {signal}"),
            sys!(libc::SYS_kill, init, signal),
        );
    }
    Outcome::Nothing
}

/// Every process of the sandbox but us is stopped, again and again, until we are killed: the end must come all
/// the same. The suite brings it when it sees `ws`/stopped.
fn stop_everybody(args: &Args, trace: &mut Trace) -> Outcome {
    let mut told = false;
    loop {
        let stopped = trace.call("stop all", sys!(libc::SYS_kill, -1, libc::SIGSTOP));
        if stopped.is_ok() && !told {
            told = sys::make_file(&format!("{}/stopped", args.get("ws")), b"", 0o600).is_ok();
        }
        std::thread::yield_now();
    }
}

/// No attack: keeps the sandbox until whoever watches has seen enough of what the attacks before have done.
fn stay(args: &Args, trace: &mut Trace) -> Outcome {
    let ws = args.get("ws");
    let made = sys::make_file(&format!("{ws}/staying"), b"", 0o600);
    if let Err(errno) = trace.call("staying", made) {
        return Outcome::NotTried(errno.to_string());
    }
    while std::fs::metadata(format!("{ws}/enough")).is_err() {
        let _ = sys!(crate::older::SYS_poll, 0, 0, 20);
    }
    Outcome::Nothing
}
