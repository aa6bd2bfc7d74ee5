//! What serves the channel inside: pid 1, the seed and the agent, which run under the same user id as we do. Outside, the
//! suite's victim plays their part (`server`).

use crate::network::Address;
use crate::report::{first, got, Args, Attack, Outcome, Trace};
use crate::sys;
use crate::sys::{c, close, Errno, Res};

pub const ATTACKS: &[Attack] = &[
    ("servers-look", look),
    ("servers-take", take),
    ("servers-turn", turn),
    ("servers-end", end),
    ("channel-squat", squat),
];

/// Made when what an attack is about has happened, and by whoever watches when it has seen enough.
const OVER: &str = "/tmp/over";
const ENOUGH: &str = "/tmp/enough";

/// Pid 1, the seed and the agent, in this order. The agent comes with the first who enters.
fn servers(args: &Args) -> Result<Vec<i32>, Outcome> {
    if args.has("server") {
        return Ok(vec![args.number("server") as i32]);
    }
    let until = sys::monotonic_ms() + 15_000;
    loop {
        let pids = sys::visible_pids().into_iter();
        let found: Vec<i32> = pids.filter(|pid| *pid != 1 && serves(*pid)).collect();
        let (agents, seeds): (Vec<i32>, Vec<i32>) = found.iter().partition(|pid| is_agent(**pid));
        if let ([agent], [seed]) = (agents.as_slice(), seeds.as_slice()) {
            return Ok(vec![1, *seed, *agent]);
        }
        if sys::monotonic_ms() > until {
            return Err(Outcome::NotTried(format!("{found:?} serve the channel")));
        }
        pause(20);
    }
}

/// It alone has bounded its memory; the seed's limits are the program's, which are ours.
fn is_agent(pid: i32) -> bool {
    let bound = |of: &str| {
        let limits = sys::read_file(&format!("/proc/{of}/limits")).ok()?;
        let limits = String::from_utf8_lossy(&limits).into_owned();
        let line = limits
            .lines()
            .find(|line| line.starts_with("Max data size"));
        line.map(str::to_owned)
    };
    bound(&pid.to_string()) != bound("self")
}

/// Forked by pid 1 and never executed, so that they are called as it is. A child of the seed is, too, until it executes.
fn serves(pid: i32) -> bool {
    match (kin(pid), kin(1)) {
        (Some((name, parent)), Some((own, _))) => name == own && parent <= 1,
        _ => false,
    }
}

/// The name of a process, and its parent.
fn kin(pid: i32) -> Option<(String, i32)> {
    let stat = sys::read_file(&format!("/proc/{pid}/stat")).ok()?;
    let stat = String::from_utf8_lossy(&stat).into_owned();
    let (name, rest) = stat.rsplit_once(") ")?;
    let (_, name) = name.split_once('(')?;
    Some((name.to_owned(), rest.split(' ').nth(1)?.parse().ok()?))
}

fn pause(milliseconds: i64) {
    let _ = sys!(crate::older::SYS_poll, 0, 0, milliseconds);
}

fn of_each(args: &Args, attack: impl FnMut(i32) -> Outcome) -> Outcome {
    match servers(args) {
        Ok(servers) => first(servers.into_iter().map(attack).collect::<Vec<_>>()),
        Err(not_tried) => not_tried,
    }
}

/// Their memory, environment, files and places, by name and by call.
fn look(args: &Args, trace: &mut Trace) -> Outcome {
    of_each(args, |pid| {
        let mut outcomes = Vec::new();
        for name in [
            "environ", "maps", "auxv", "stack", "syscall", "io", "fd/0", "fd/3", "mem", "exe",
        ] {
            let opened = sys::open(
                &format!("/proc/{pid}/{name}"),
                libc::O_RDONLY | libc::O_NONBLOCK,
            );
            // Some are opened by anybody, and then not read. Nothing is at the first address of a memory.
            let read = opened.and_then(|fd| {
                let bytes = sys::read_some(fd, 4096);
                close(fd);
                match (name, bytes) {
                    ("mem", _) => Ok(Vec::new()),
                    (_, bytes) => bytes,
                }
            });
            if let Ok(bytes) = trace.call(format!("read {pid}/{name}"), read) {
                if name == "mem" || !bytes.is_empty() {
                    outcomes.push(got(name, &bytes));
                }
            }
        }
        for name in ["fd", "map_files", "cwd", "root"] {
            let path = format!("/proc/{pid}/{name}");
            let listed = sys::open(&path, libc::O_RDONLY | libc::O_DIRECTORY);
            outcomes.push(trace.must_fail(&format!("list {pid}/{name}"), listed));
        }
        outcomes.push(read_memory(pid, trace));
        let same = sys!(libc::SYS_kcmp, pid, std::process::id(), 0, 0, 0);
        outcomes.push(trace.must_fail(&format!("kcmp {pid}"), same));
        first(outcomes)
    })
}

fn read_memory(pid: i32, trace: &mut Trace) -> Outcome {
    let mut buffer = [0u8; 8];
    let part = |base: i64| libc::iovec {
        iov_base: base as *mut libc::c_void,
        iov_len: 8,
    };
    let (own, remote) = (part(buffer.as_mut_ptr() as i64), part(0x40_0000));
    let read = sys!(
        libc::SYS_process_vm_readv,
        pid,
        &own as *const libc::iovec,
        1,
        &remote as *const libc::iovec,
        1,
        0
    );
    // EFAULT: we may read it, there only is nothing at that address.
    match trace.call(format!("process_vm_readv {pid}"), read) {
        Ok(_) | Err(Errno(libc::EFAULT)) => {
            Outcome::Effect(format!("may read the memory of {pid}"))
        }
        Err(_) => Outcome::Nothing,
    }
}

/// What they hold: the socket that listens, connections of the host's, the seed's socket.
fn take(args: &Args, trace: &mut Trace) -> Outcome {
    of_each(args, |pid| {
        let mut outcomes = Vec::new();
        let opened = trace.call(
            format!("pidfd_open {pid}"),
            sys!(libc::SYS_pidfd_open, pid, 0),
        );
        if let Ok(pidfd) = opened {
            let taken: Vec<String> = (0..32)
                .filter_map(|number| {
                    let fd = sys!(libc::SYS_pidfd_getfd, pidfd, number, 0).ok()?;
                    close(fd as i32);
                    Some(number.to_string())
                })
                .collect();
            let last = sys!(libc::SYS_pidfd_getfd, pidfd, 3, 0);
            let _ = trace.call(format!("pidfd_getfd {pid} 3"), last);
            if !taken.is_empty() {
                let numbers = taken.join(" ");
                outcomes.push(Outcome::Effect(format!("took {numbers} of {pid}")));
            }
            close(pidfd as i32);
        }
        for number in 0..32 {
            let path = format!("/proc/{pid}/fd/{number}");
            let opened: Res<i32> = sys::open(&path, libc::O_RDWR | libc::O_NONBLOCK);
            if opened.is_ok() {
                outcomes.push(Outcome::Effect(format!("opened {path}")));
            }
        }
        first(outcomes)
    })
}

/// Making them do what we want: traced, written to, with our code in them.
fn turn(args: &Args, trace: &mut Trace) -> Outcome {
    of_each(args, |pid| {
        let mut outcomes = Vec::new();
        // What was seized goes with us.
        let traced = sys!(libc::SYS_ptrace, libc::PTRACE_SEIZE, pid, 0, 0);
        outcomes.push(trace.must_fail(&format!("PTRACE_SEIZE {pid}"), traced));
        for name in [
            "mem",
            "comm",
            "oom_score_adj",
            "timerslack_ns",
            "coredump_filter",
            "attr/current",
        ] {
            let opened = sys::open(&format!("/proc/{pid}/{name}"), libc::O_RDWR);
            outcomes.push(trace.must_fail(&format!("open {pid}/{name} for writing"), opened));
        }
        first(outcomes)
    })
}

/// Ends or stops one of them, by every way of sending a signal (`which`: seed or agent; `signal`). They may die of it: what is
/// gained by that, is seen by whoever enters then.
fn end(args: &Args, trace: &mut Trace) -> Outcome {
    let servers = match servers(args) {
        Ok(servers) => servers,
        Err(not_tried) => return not_tried,
    };
    let which = usize::from(args.get("which") == "agent") + 1;
    let (pid, signal) = (servers[which], args.number("signal"));
    if let Ok(pidfd) = trace.call("pidfd_open", sys!(libc::SYS_pidfd_open, pid, 0)) {
        let _ = trace.call(
            "pidfd_send_signal",
            sys!(libc::SYS_pidfd_send_signal, pidfd, signal, 0, 0),
        );
        close(pidfd as i32);
    }
    let _ = trace.call("kill", sys!(libc::SYS_kill, pid, signal));
    let _ = trace.call("tgkill", sys!(libc::SYS_tgkill, pid, pid, signal));
    match sys::make_file(OVER, b"", 0o600) {
        Ok(_) => Outcome::Nothing,
        Err(errno) => Outcome::NotTried(format!("{OVER}: {errno}")),
    }
}

/// Listens inside where the host enters outside (`socket`), by the same name, until enough was seen.
fn squat(args: &Args, trace: &mut Trace) -> Outcome {
    let path = args.get("socket");
    let mut directory = String::new();
    for name in path.split('/').filter(|name| !name.is_empty()) {
        if !directory.is_empty() {
            let made = sys!(crate::older::SYS_mkdir, c(&directory).as_ptr(), 0o755);
            let _ = trace.call(format!("mkdir {directory}"), made);
        }
        directory = format!("{directory}/{name}");
    }
    let kind = libc::SOCK_STREAM | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
    let mut doors = Vec::new();
    for name in [path.to_owned(), format!("@{path}")] {
        let address = Address::unix(&name);
        let listening = sys!(libc::SYS_socket, libc::AF_UNIX, kind, 0).and_then(|fd| {
            sys!(libc::SYS_bind, fd, address.pointer(), address.length())?;
            sys!(libc::SYS_listen, fd, 16)?;
            Ok(fd)
        });
        if let Ok(fd) = trace.call(format!("listen at {name}"), listening) {
            doors.push((name, fd));
        }
    }
    if let Err(errno) = sys::make_file(OVER, b"", 0o600) {
        return Outcome::NotTried(format!("{OVER}: {errno}"));
    }
    while std::fs::metadata(ENOUGH).is_err() {
        for (name, fd) in &doors {
            if sys!(libc::SYS_accept4, *fd, 0, 0, 0).is_ok() {
                return Outcome::Effect(format!("somebody came to {name}"));
            }
        }
        pause(5);
    }
    Outcome::Nothing
}
