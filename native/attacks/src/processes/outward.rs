//! Towards a process outside: `victim` is its number on the host, `group` its process group. The signal is
//! SIGURG, which nobody minds who does not wait for it; the witness's victim counts it.

use crate::report::{first, got, Args, Attack, Outcome, Trace};
use crate::sys;
use crate::sys::close;

pub const ATTACKS: &[Attack] = &[
    ("signal", signal),
    ("signal-everybody", signal_everybody),
    ("signal-queue", signal_queue),
    ("pidfd", pidfd),
    ("signal-owner", signal_owner),
    ("ptrace", ptrace),
    ("read-memory", read_memory),
    ("write-memory", write_memory),
    ("priority", priority),
    ("scheduler", scheduler),
    ("limits", limits),
    ("see-processes", see_processes),
    ("memory-of-init", memory_of_init),
];

const SIGNAL: i32 = libc::SIGURG;

fn signal(args: &Args, trace: &mut Trace) -> Outcome {
    let victim = args.number("victim");
    first([
        trace.must_fail("kill", sys!(libc::SYS_kill, victim, SIGNAL)),
        trace.must_fail("tkill", sys!(libc::SYS_tkill, victim, SIGNAL)),
        trace.must_fail("tgkill", sys!(libc::SYS_tgkill, victim, victim, SIGNAL)),
        trace.must_fail(
            "kill the group",
            sys!(libc::SYS_kill, -args.number("group"), SIGNAL),
        ),
    ])
}

/// Everybody in sight: whether that was more than the sandbox, the victim knows.
fn signal_everybody(_: &Args, trace: &mut Trace) -> Outcome {
    let _ = trace.call("kill -1", sys!(libc::SYS_kill, -1, SIGNAL));
    let _ = trace.call("kill 0", sys!(libc::SYS_kill, 0, SIGNAL));
    Outcome::Nothing
}

fn signal_queue(args: &Args, trace: &mut Trace) -> Outcome {
    let victim = args.number("victim");
    let mut info = [0u32; 32];
    info[0] = SIGNAL as u32;
    // si_code SI_QUEUE (-1): one that a user may send.
    info[2] = u32::MAX;
    first([
        trace.must_fail(
            "rt_sigqueueinfo",
            sys!(libc::SYS_rt_sigqueueinfo, victim, SIGNAL, info.as_mut_ptr()),
        ),
        trace.must_fail(
            "rt_tgsigqueueinfo",
            sys!(
                libc::SYS_rt_tgsigqueueinfo,
                victim,
                victim,
                SIGNAL,
                info.as_mut_ptr()
            ),
        ),
    ])
}

fn pidfd(args: &Args, trace: &mut Trace) -> Outcome {
    let opened = sys!(libc::SYS_pidfd_open, args.number("victim"), 0);
    let fd = opened.unwrap_or(-1);
    let outcome = trace.must_fail("pidfd_open", opened);
    if opened.is_ok() {
        let _ = trace.call(
            "pidfd_send_signal",
            sys!(libc::SYS_pidfd_send_signal, fd, SIGNAL, 0, 0),
        );
        let taken = sys!(libc::SYS_pidfd_getfd, fd, 0, 0);
        let _ = trace.call("pidfd_getfd", taken);
    }
    // Out of our own pid 1, which came from the launcher: its descriptors would lead outside.
    let mut taken = Vec::new();
    if let Ok(init) = trace.call(
        "pidfd_open 1",
        sys!(libc::SYS_pidfd_open, args.number("init"), 0),
    ) {
        for number in 0..16 {
            if let Ok(fd) = sys!(libc::SYS_pidfd_getfd, init, number, 0) {
                taken.push(number.to_string());
                close(fd as i32);
            }
        }
        let _ = trace.call("pidfd_getfd 1", sys!(libc::SYS_pidfd_getfd, init, 0, 0));
    }
    if taken.is_empty() {
        outcome
    } else {
        Outcome::Effect(format!(
            "took descriptors {} of another process",
            taken.join(" ")
        ))
    }
}

/// A signal sent on our behalf by the kernel, when a pipe becomes readable.
fn signal_owner(args: &Args, trace: &mut Trace) -> Outcome {
    let pair = match crate::batch::pipe() {
        Ok(pair) => pair,
        Err(errno) => return Outcome::NotTried(errno.to_string()),
    };
    const F_SETSIG: i64 = 10;
    let mut outcomes = Vec::new();
    for owner in [args.number("victim"), -args.number("group")] {
        let owned = sys!(libc::SYS_fcntl, pair.0, libc::F_SETOWN, owner);
        outcomes.push(trace.must_fail("F_SETOWN", owned));
        let _ = sys!(libc::SYS_fcntl, pair.0, F_SETSIG, SIGNAL);
        let _ = sys!(
            libc::SYS_fcntl,
            pair.0,
            libc::F_SETFL,
            libc::O_ASYNC | libc::O_NONBLOCK
        );
        let _ = sys::write_all(pair.1, b"!");
    }
    first(outcomes)
}

fn ptrace(args: &Args, trace: &mut Trace) -> Outcome {
    let mut outcomes = Vec::new();
    for pid in [args.number("victim"), args.number("init")] {
        let seized = sys!(libc::SYS_ptrace, libc::PTRACE_SEIZE, pid, 0, 0);
        outcomes.push(trace.must_fail(&format!("PTRACE_SEIZE {pid}"), seized));
        if seized.is_ok() {
            let _ = sys!(libc::SYS_ptrace, libc::PTRACE_DETACH, pid, 0, 0);
        }
    }
    outcomes.push(trace.must_fail(
        "PTRACE_TRACEME",
        sys!(libc::SYS_ptrace, libc::PTRACE_TRACEME, 0, 0, 0),
    ));
    first(outcomes)
}

/// The secret that the victim keeps at an address which it tells.
fn read_memory(args: &Args, trace: &mut Trace) -> Outcome {
    let (victim, address) = (args.number("victim"), args.number("address"));
    let mut buffer = [0u8; 64];
    let own = libc::iovec {
        iov_base: buffer.as_mut_ptr().cast(),
        iov_len: 64,
    };
    let remote = libc::iovec {
        iov_base: address as *mut libc::c_void,
        iov_len: 64,
    };
    let read = sys!(
        libc::SYS_process_vm_readv,
        victim,
        &own as *const libc::iovec,
        1,
        &remote as *const libc::iovec,
        1,
        0
    );
    if trace.call("process_vm_readv", read).is_ok() {
        return got("read", &buffer);
    }
    let mut outcomes = Vec::new();
    if let Ok(fd) = trace.call(
        "open mem",
        sys::open(&format!("/proc/{victim}/mem"), libc::O_RDONLY),
    ) {
        let _ = sys!(libc::SYS_pread64, fd, buffer.as_mut_ptr(), 64, address);
        outcomes.push(got("read", &buffer));
    }
    for name in ["environ", "cmdline", "maps"] {
        if let Ok(bytes) = trace.call(name, sys::read_file(&format!("/proc/{victim}/{name}"))) {
            outcomes.push(got(name, &bytes));
        }
    }
    first(outcomes)
}

/// Writes back what is there.
fn write_memory(args: &Args, trace: &mut Trace) -> Outcome {
    let (victim, address) = (args.number("victim"), args.number("address"));
    let byte = [b'!'];
    let own = libc::iovec {
        iov_base: byte.as_ptr() as *mut libc::c_void,
        iov_len: 1,
    };
    let remote = libc::iovec {
        iov_base: address as *mut libc::c_void,
        iov_len: 1,
    };
    let written = sys!(
        libc::SYS_process_vm_writev,
        victim,
        &own as *const libc::iovec,
        1,
        &remote as *const libc::iovec,
        1,
        0
    );
    first([
        trace.must_fail("process_vm_writev", written),
        trace.must_fail(
            "open mem for writing",
            sys::open(&format!("/proc/{victim}/mem"), libc::O_RDWR),
        ),
    ])
}

/// The same calls towards pid 1 of the sandbox.
fn memory_of_init(args: &Args, trace: &mut Trace) -> Outcome {
    let init = args.number("init");
    let mut buffer = [0u8; 8];
    let own = libc::iovec {
        iov_base: buffer.as_mut_ptr().cast(),
        iov_len: 8,
    };
    let remote = libc::iovec {
        iov_base: 0x40_0000 as *mut libc::c_void,
        iov_len: 8,
    };
    let read = sys!(
        libc::SYS_process_vm_readv,
        init,
        &own as *const libc::iovec,
        1,
        &remote as *const libc::iovec,
        1,
        0
    );
    first([
        // EFAULT: we may read it, there only is nothing at that address.
        match trace.call("process_vm_readv", read) {
            Ok(_) | Err(sys::Errno(libc::EFAULT)) => {
                Outcome::Effect("may read the memory of pid 1".into())
            }
            Err(_) => Outcome::Nothing,
        },
        trace.must_fail(
            "open mem",
            sys::open(&format!("/proc/{init}/mem"), libc::O_RDONLY),
        ),
        trace.must_fail(
            "kcmp",
            sys!(libc::SYS_kcmp, init, std::process::id(), 0, 0, 0),
        ),
    ])
}

fn priority(args: &Args, trace: &mut Trace) -> Outcome {
    let victim = args.number("victim");
    // PRIO_PROCESS, PRIO_PGRP; ioprio: class best effort (2), level 7.
    first([
        trace.must_fail("setpriority", sys!(libc::SYS_setpriority, 0, victim, 5)),
        trace.must_fail(
            "setpriority group",
            sys!(libc::SYS_setpriority, 1, args.number("group"), 5),
        ),
        trace.must_fail(
            "ioprio_set",
            sys!(libc::SYS_ioprio_set, 1, victim, 2 << 13 | 7),
        ),
        trace.must_fail("own priority up", sys!(libc::SYS_setpriority, 0, 0, -5)),
    ])
}

fn scheduler(args: &Args, trace: &mut Trace) -> Outcome {
    let victim = args.number("victim");
    let mask = [1u64; 16];
    let low = [0i32; 1];
    let high = [50i32; 1];
    const SCHED_BATCH: i32 = 3;
    first([
        trace.must_fail(
            "sched_setaffinity",
            sys!(libc::SYS_sched_setaffinity, victim, 128, mask.as_ptr()),
        ),
        trace.must_fail(
            "sched_setscheduler",
            sys!(
                libc::SYS_sched_setscheduler,
                victim,
                SCHED_BATCH,
                low.as_ptr()
            ),
        ),
        trace.must_fail(
            "own realtime",
            sys!(
                libc::SYS_sched_setscheduler,
                0,
                libc::SCHED_FIFO,
                high.as_ptr()
            ),
        ),
        trace.must_fail(
            "migrate_pages",
            sys!(
                libc::SYS_migrate_pages,
                victim,
                64,
                mask.as_ptr(),
                mask.as_ptr()
            ),
        ),
        trace.must_fail("own realtime io", sys!(libc::SYS_ioprio_set, 1, 0, 1 << 13)),
    ])
}

fn limits(args: &Args, trace: &mut Trace) -> Outcome {
    let victim = args.number("victim");
    let limit = libc::rlimit {
        rlim_cur: 100,
        rlim_max: 100,
    };
    let most = libc::rlimit {
        rlim_cur: libc::RLIM_INFINITY,
        rlim_max: libc::RLIM_INFINITY,
    };
    let mut outcomes = vec![trace.must_fail(
        "prlimit of the victim",
        sys!(
            libc::SYS_prlimit64,
            victim,
            libc::RLIMIT_NOFILE,
            &limit as *const libc::rlimit,
            0
        ),
    )];
    for (word, which) in [
        ("core", libc::RLIMIT_CORE),
        ("files", libc::RLIMIT_NOFILE),
        ("processes", libc::RLIMIT_NPROC),
        ("locked", libc::RLIMIT_MEMLOCK),
        ("queue", libc::RLIMIT_MSGQUEUE),
        ("realtime", libc::RLIMIT_RTPRIO),
    ] {
        let raised = sys!(
            libc::SYS_prlimit64,
            0,
            which,
            &most as *const libc::rlimit,
            0
        );
        outcomes.push(trace.must_fail(&format!("own limit of {word} up"), raised));
    }
    first(outcomes)
}

/// Any process that is not of this sandbox: one with the victim's marker in its command line or environment.
fn see_processes(args: &Args, trace: &mut Trace) -> Outcome {
    let marker = args.get("marker").as_bytes().to_vec();
    let own = std::process::id() as i32;
    let mut outcome = Outcome::Nothing;
    for pid in sys::visible_pids().into_iter().filter(|pid| *pid != own) {
        for name in ["cmdline", "environ", "comm"] {
            let bytes = trace.call(
                format!("{pid} {name}"),
                sys::read_file(&format!("/proc/{pid}/{name}")),
            );
            if bytes.is_ok_and(|bytes| {
                bytes.windows(marker.len()).any(|window| window == marker) && !is_ours(&bytes)
            }) {
                outcome = Outcome::Effect(format!("process {pid} is in sight"));
            }
        }
    }
    let root = trace.call("open /proc", sys::open("/proc", libc::O_RDONLY));
    match (outcome, root) {
        (Outcome::Nothing, Err(errno)) => Outcome::NotTried(format!("no /proc: {errno}")),
        (outcome, _) => outcome,
    }
}

/// The word of this attack carries the marker too.
fn is_ours(bytes: &[u8]) -> bool {
    String::from_utf8_lossy(bytes).contains("see-processes")
}
