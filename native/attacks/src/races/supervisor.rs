//! Calls that are made to trouble the process which answers them: it must neither die, nor hang, nor let
//! anything through. Afterwards an honest connection must still work.

use crate::network::Address;
use crate::report::{Args, Attack, Outcome, Trace};
use crate::sys;
use crate::sys::{close, Res};

pub const ATTACKS: &[Attack] = &[
    ("supervisor-abuse", supervisor_abuse),
    ("supervisor-stall", supervisor_stall),
    ("forge-status", forge_status),
];

/// Connects to a listener of our own and says whether that worked.
fn honest() -> Res {
    let Some(any) = Address::inet("127.0.0.1", 0) else {
        return Err(sys::Errno(libc::EINVAL));
    };
    let listener = sys!(
        libc::SYS_socket,
        any.family,
        libc::SOCK_STREAM | libc::SOCK_CLOEXEC,
        0
    )? as i32;
    sys!(libc::SYS_bind, listener, any.pointer(), any.length())?;
    sys!(libc::SYS_listen, listener, 8)?;
    let mut bytes = [0u8; 16];
    let mut length = 16u32;
    sys!(
        libc::SYS_getsockname,
        listener,
        bytes.as_mut_ptr(),
        &mut length as *mut u32
    )?;
    let fd = sys!(
        libc::SYS_socket,
        any.family,
        libc::SOCK_STREAM | libc::SOCK_CLOEXEC,
        0
    )? as i32;
    let connected = sys!(libc::SYS_connect, fd, bytes.as_ptr(), 16);
    close(fd);
    close(listener);
    connected
}

/// Wild pointers, wrong lengths, wrong descriptors, from several threads; callers that die while they wait.
fn supervisor_abuse(args: &Args, trace: &mut Trace) -> Outcome {
    let rounds = args.number("rounds");
    let threads: Vec<_> = (0..4)
        .map(|number: i64| {
            std::thread::spawn(move || {
                let buffer = [0xffu8; 256];
                for round in 0..rounds {
                    let fd = if round % 5 == 0 { round % 64 } else { -1 };
                    let pointer =
                        [0, 1, -1, i64::MAX, buffer.as_ptr() as i64][(round % 5) as usize];
                    let length =
                        [0, 1, 16, -1, i64::from(i32::MAX), 128, 129][(round % 7) as usize];
                    match (round + number) % 6 {
                        0 | 1 => sys!(libc::SYS_connect, fd.max(64), pointer, length),
                        2 => sys!(libc::SYS_bind, fd.max(64), pointer, length),
                        3 => sys!(libc::SYS_sendto, fd.max(64), pointer, 1, 0, pointer, length),
                        4 => sys!(libc::SYS_sendmsg, fd.max(64), pointer, 0),
                        _ => sys!(libc::SYS_execve, pointer, pointer, pointer),
                    }
                    .unwrap_or(0);
                }
            })
        })
        .collect();
    for thread in threads {
        if thread.join().is_err() {
            return Outcome::NotTried("a thread failed".into());
        }
    }
    for _ in 0..40 {
        let caller = sys::fork_with(|| loop {
            let Some(goal) = Address::inet("203.0.113.1", 9) else {
                return 1;
            };
            if let Ok(fd) = sys!(libc::SYS_socket, goal.family, libc::SOCK_STREAM, 0) {
                let _ = sys!(libc::SYS_connect, fd, goal.pointer(), goal.length());
                close(fd as i32);
            }
        });
        let Ok(pid) = caller else { continue };
        for _ in 0..50 {
            std::thread::yield_now();
        }
        let _ = sys!(libc::SYS_kill, pid, libc::SIGKILL);
        let _ = sys::wait_for(pid);
    }
    match trace.call("an honest connection afterwards", honest()) {
        Ok(_) => Outcome::Nothing,
        Err(errno) => Outcome::Effect(format!("honest connections fail: {errno}")),
    }
}

/// Connections that wait: a Unix socket of ours whose queue is full. They must not hold up the others.
fn supervisor_stall(args: &Args, trace: &mut Trace) -> Outcome {
    let path = format!("{}/full-{}", args.get("own"), std::process::id());
    let full = Address::unix(&path);
    let made = sys!(
        libc::SYS_socket,
        libc::AF_UNIX,
        libc::SOCK_STREAM | libc::SOCK_CLOEXEC,
        0
    )
    .and_then(|fd| sys!(libc::SYS_bind, fd, full.pointer(), full.length()).map(|_| fd))
    .and_then(|fd| sys!(libc::SYS_listen, fd, 0));
    if let Err(errno) = trace.call("listen", made) {
        return Outcome::NotTried(errno.to_string());
    }
    let waiting: Vec<_> = (0..90)
        .filter_map(|_| {
            sys::fork_with(|| {
                let _ = sys!(libc::SYS_prctl, libc::PR_SET_PDEATHSIG, libc::SIGKILL);
                loop {
                    let Ok(fd) = sys!(libc::SYS_socket, libc::AF_UNIX, libc::SOCK_STREAM, 0) else {
                        return 1;
                    };
                    // Kept open on success: the queue is to stay full.
                    let _ = sys!(libc::SYS_connect, fd, full.pointer(), full.length());
                }
            })
            .ok()
        })
        .collect();
    let begun = sys::monotonic_ms();
    while sys::monotonic_ms() < begun + 200 {
        std::thread::yield_now();
    }
    let answered = trace.call("an honest connection meanwhile", honest());
    let took = sys::monotonic_ms() - begun - 200;
    for pid in waiting {
        let _ = sys!(libc::SYS_kill, pid, libc::SIGKILL);
        let _ = sys::wait_for(pid);
    }
    let word = sys::c(&path);
    let _ = sys!(crate::older::SYS_unlink, word.as_ptr());
    match answered {
        Ok(_) if took < 2000 => Outcome::Nothing,
        Ok(_) => Outcome::Effect(format!("an honest connection took {took} ms")),
        Err(errno) => Outcome::Effect(format!("honest connections fail: {errno}")),
    }
}

/// What the supervisor reports comes from us: names that would end its line and begin one of ours.
fn forge_status(_: &Args, trace: &mut Trace) -> Outcome {
    let forged = "/tmp/x\"}\n{\"event\":\"exit\",\"code\":0,\"signal\":null}\n\u{202e}\u{1b}[2J";
    let mut bytes = forged.as_bytes().to_vec();
    bytes.extend([0xff, 0xfe, 0xc0]);
    let name = sys::c("\"}\n{\"event\"");
    let _ = sys!(libc::SYS_prctl, libc::PR_SET_NAME, name.as_ptr());
    let mut address = Address::unix(forged);
    address.bytes.truncate(2);
    address.bytes.extend(&bytes[..bytes.len().min(107)]);
    address.bytes.push(0);
    let fd = sys!(libc::SYS_socket, libc::AF_UNIX, libc::SOCK_STREAM, 0);
    let connected =
        fd.and_then(|fd| sys!(libc::SYS_connect, fd, address.pointer(), address.length()));
    let _ = trace.call("connect", connected);
    bytes.push(0);
    let none: [usize; 1] = [0];
    let run = sys!(
        libc::SYS_execve,
        bytes.as_ptr(),
        none.as_ptr(),
        none.as_ptr()
    );
    let _ = trace.call("execve", run);
    Outcome::Nothing
}
