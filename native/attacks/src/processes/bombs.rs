//! Too many of something. Each bomb stops at `most`, which lies above the sandbox's limit and far below
//! what harms a host: reaching it is the effect.

use crate::report::{Args, Attack, Outcome, Trace};
use crate::sys;
use crate::sys::Errno;

pub const ATTACKS: &[Attack] = &[
    ("fork-bomb", fork_bomb),
    ("clone-bomb", clone_bomb),
    ("thread-bomb", thread_bomb),
    ("zombie-bomb", zombie_bomb),
    ("descriptor-bomb", descriptor_bomb),
    ("watch-bomb", watch_bomb),
    ("watch-hold", watch_hold),
    ("processor-bomb", processor_bomb),
    ("flood", flood),
    ("signal-bomb", signal_bomb),
];

/// How the number of successes tells the outcome. `refused`: what stopped it.
pub fn reached(
    trace: &mut Trace,
    what: &str,
    made: i64,
    most: i64,
    refused: Option<Errno>,
) -> Outcome {
    let result = match refused {
        Some(errno) => Err(errno),
        None => Ok(()),
    };
    let _ = trace.call(format!("{what}: {made} of {most}"), result);
    if made >= most {
        Outcome::Effect(format!("{made} {what}"))
    } else {
        Outcome::Nothing
    }
}

/// Children that sleep until they are killed.
fn fork_bomb(args: &Args, trace: &mut Trace) -> Outcome {
    processes(args, trace, "processes", || {
        sys::fork_with(|| {
            sleep_until_killed();
            0
        })
    })
}

/// The same by the bare call, with an exit signal of none: `wait` needs __WALL for those.
fn clone_bomb(args: &Args, trace: &mut Trace) -> Outcome {
    processes(args, trace, "clones", || {
        match sys!(libc::SYS_clone, 0, 0, 0, 0, 0)? {
            0 => {
                sleep_until_killed();
                // SAFETY: ends the child without running the parent's destructors.
                unsafe { libc::_exit(0) }
            }
            pid => Ok(pid as i32),
        }
    })
}

fn processes(
    args: &Args,
    trace: &mut Trace,
    what: &str,
    mut make: impl FnMut() -> sys::Res<i32>,
) -> Outcome {
    let most = args.number("most");
    let mut children = Vec::new();
    let mut refused = None;
    while (children.len() as i64) < most {
        match make() {
            Ok(pid) => children.push(pid),
            Err(errno) => {
                refused = Some(errno);
                break;
            }
        }
    }
    let outcome = reached(trace, what, children.len() as i64, most, refused);
    for pid in children {
        let _ = sys!(libc::SYS_kill, pid, libc::SIGKILL);
        let _ = sys::wait_for(pid);
    }
    outcome
}

/// Blocks for good; also ends when the parent does, so that a bomb outside the sandbox leaves nothing.
fn sleep_until_killed() {
    let _ = sys!(libc::SYS_prctl, libc::PR_SET_PDEATHSIG, libc::SIGKILL);
    loop {
        let _ = sys!(crate::older::SYS_pause);
    }
}

fn thread_bomb(args: &Args, trace: &mut Trace) -> Outcome {
    let most = args.number("most");
    let mut made = 0;
    let mut refused = None;
    while made < most {
        // A thread that is left alone; the process ends soon.
        match std::thread::Builder::new()
            .stack_size(32 * 1024)
            .spawn(sleep_until_killed)
        {
            Ok(_) => made += 1,
            Err(error) => {
                refused = Some(Errno(error.raw_os_error().unwrap_or(libc::EAGAIN)));
                break;
            }
        }
    }
    reached(trace, "threads", made, most, refused)
}

/// Orphans that end at once: whoever adopts them must reap them, or the sandbox runs out of processes for good.
/// Here being refused is the effect.
fn zombie_bomb(args: &Args, trace: &mut Trace) -> Outcome {
    let most = args.number("most");
    let mut made = 0;
    let mut patience = sys::monotonic_ms() + 3000;
    while made < most {
        let child = sys::fork_with(|| match sys::fork_with(|| 0) {
            Ok(_) => 0,
            Err(_) => 1,
        });
        let ended = child.and_then(sys::wait_for);
        if ended == Ok(sys::Ended::Code(0)) {
            made += 1;
            patience = sys::monotonic_ms() + 3000;
        } else if sys::monotonic_ms() > patience {
            let _ = trace.call(format!("orphans: {made}"), ended);
            return Outcome::Effect(format!("after {made} orphans there is no room left"));
        } else {
            // Whoever reaps has not had a turn yet.
            std::thread::yield_now();
        }
    }
    let _ = trace.call(format!("orphans: {most}"), Ok(()));
    Outcome::Nothing
}

fn descriptor_bomb(args: &Args, trace: &mut Trace) -> Outcome {
    let most = args.number("most");
    let mut made = 0;
    let mut refused = None;
    while made < most {
        match sys::open("/dev/null", libc::O_RDONLY) {
            Ok(_) => made += 1,
            Err(errno) => {
                refused = Some(errno);
                break;
            }
        }
    }
    reached(trace, "descriptors", made, most, refused)
}

/// inotify instances are counted per user of the host: a sandbox must not use up the user's.
fn watch_bomb(args: &Args, trace: &mut Trace) -> Outcome {
    let most = args.number("most");
    let mut made = 0;
    let mut refused = None;
    while made < most {
        match sys!(libc::SYS_inotify_init1, libc::O_CLOEXEC) {
            Ok(_) => made += 1,
            Err(errno) => {
                refused = Some(errno);
                break;
            }
        }
    }
    reached(trace, "watchers", made, most, refused)
}

/// Takes every watcher that there is, says so by `ws`/holding, and keeps them until `ws`/enough is there.
fn watch_hold(args: &Args, trace: &mut Trace) -> Outcome {
    let mut made = 0;
    let refused = loop {
        match sys!(libc::SYS_inotify_init1, libc::O_CLOEXEC) {
            Ok(_) => made += 1,
            Err(errno) => break errno,
        }
    };
    let _ = trace.call(format!("watchers: {made}"), Err::<(), _>(refused));
    let ws = args.get("ws");
    if let Err(errno) = sys::make_file(&format!("{ws}/holding"), b"", 0o600) {
        return Outcome::NotTried(format!("holding: {errno}"));
    }
    while sys::open(&format!("{ws}/enough"), libc::O_PATH)
        .map(sys::close)
        .is_err()
    {
        std::thread::yield_now();
    }
    Outcome::Nothing
}

/// Four processes that compute for `milliseconds`, each asking for every processor. How much they got, the suite sees.
fn processor_bomb(args: &Args, trace: &mut Trace) -> Outcome {
    let until = sys::monotonic_ms() + args.number("milliseconds");
    let children: Vec<_> = (0..4)
        .filter_map(|_| {
            let child = sys::fork_with(|| {
                let all = [u64::MAX; 16];
                let _ = sys!(libc::SYS_sched_setaffinity, 0, 128, all.as_ptr());
                let _ = sys!(libc::SYS_setpriority, 0, 0, -20);
                while sys::monotonic_ms() < until {
                    std::hint::spin_loop();
                }
                0
            });
            trace.call("start", child).ok()
        })
        .collect();
    for pid in children {
        let _ = sys::wait_for(pid);
    }
    Outcome::Nothing
}

/// Refused connections as fast as they go, for `milliseconds`: each is a line of the launcher's report, which
/// nobody reads meanwhile.
fn flood(args: &Args, trace: &mut Trace) -> Outcome {
    let until = sys::monotonic_ms() + args.number("milliseconds");
    // Each to another port: the same one would only be counted.
    for port in (1..=u16::MAX).cycle() {
        if sys::monotonic_ms() >= until {
            break;
        }
        let Some(goal) = crate::network::Address::inet("203.0.113.1", port) else {
            return Outcome::NotTried("no address".into());
        };
        let fd = match sys!(
            libc::SYS_socket,
            goal.family,
            libc::SOCK_STREAM | libc::SOCK_CLOEXEC,
            0
        ) {
            Ok(fd) => fd as i32,
            Err(errno) => return Outcome::NotTried(errno.to_string()),
        };
        let _ = trace.call(
            "connect",
            sys!(libc::SYS_connect, fd, goal.pointer(), goal.length()),
        );
        sys::close(fd);
    }
    Outcome::Nothing
}

/// Queued signals are kernel memory; the limit on them is per user.
fn signal_bomb(args: &Args, trace: &mut Trace) -> Outcome {
    let most = args.number("most");
    let own = std::process::id();
    let signal = libc::SIGRTMIN() + 3;
    let mask = 1u64 << (signal - 1);
    let _ = sys!(
        libc::SYS_rt_sigprocmask,
        libc::SIG_BLOCK,
        &mask as *const u64,
        0,
        8
    );
    let mut info = [0u32; 32];
    info[0] = signal as u32;
    info[2] = u32::MAX;
    let mut made = 0;
    let mut refused = None;
    while made < most {
        match sys!(libc::SYS_rt_sigqueueinfo, own, signal, info.as_mut_ptr()) {
            Ok(_) => made += 1,
            Err(errno) => {
                refused = Some(errno);
                break;
            }
        }
    }
    reached(trace, "queued signals", made, most, refused)
}
