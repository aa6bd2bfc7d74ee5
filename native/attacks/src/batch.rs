//! Runs attacks one after another, each in a child of its own: the kernel answers some of them by
//! killing the caller, and one that hangs must not take the others with it.

use crate::report::{quote, Args, Attack, Outcome, Trace};
use crate::sys;
use crate::sys::{close, Ended, Errno, Res};

/// Longer than any attack needs that is not stuck, unless it says so by `seconds=`.
const DEADLINE_SECONDS: i64 = 20;

/// `name key=value … -- name key=value …`
pub fn run(words: &[String], attacks: &[Attack]) -> i32 {
    each(words, attacks, || true)
}

/// The same, each when a byte has come: whoever watches says when it has seen what the one before did.
pub fn step(words: &[String], attacks: &[Attack]) -> i32 {
    each(words, attacks, || {
        sys::read_some(0, 1).is_ok_and(|byte| !byte.is_empty())
    })
}

fn each(words: &[String], attacks: &[Attack], go_on: impl Fn() -> bool) -> i32 {
    for words in words.split(|word| word == "--") {
        let Some(name) = words.first() else { continue };
        if !go_on() {
            return 0;
        }
        // `id:name` gives one attack several lines, told apart by the id.
        let (id, attack) = name.split_once(':').unwrap_or((name, name));
        let Some((_, body)) = attacks.iter().find(|(known, _)| *known == attack) else {
            eprintln!("attacks: no attack named {attack}");
            return 64;
        };
        let args = Args::parse(&words[1..]);
        match one(id, *body, &args) {
            Ok(line) => println!("{line}"),
            Err(errno) => println!("{}", unfinished(id, false, &format!("no child: {errno}"))),
        }
    }
    0
}

fn one(id: &str, body: fn(&Args, &mut Trace) -> Outcome, args: &Args) -> Res<String> {
    let seconds = if args.has("seconds") {
        args.number("seconds")
    } else {
        DEADLINE_SECONDS
    };
    let (reader, writer) = pipe()?;
    let pid = sys::fork_with(|| {
        close(reader);
        let mut trace = Trace::default();
        let outcome = body(args, &mut trace);
        let line = trace.line(id, &outcome);
        i32::from(sys::write_all(writer, line.as_bytes()).is_err())
    })?;
    close(writer);
    let (bytes, hung) = read_until(reader, sys::monotonic_ms() + seconds * 1000);
    close(reader);
    if hung {
        // A child of our own that is still there: it has not been waited for.
        let _ = sys!(libc::SYS_kill, pid, libc::SIGKILL);
    }
    let ended = sys::wait_for(pid)?;
    Ok(match (String::from_utf8(bytes), hung, ended) {
        (Ok(line), false, _) if line.ends_with('}') => line,
        (_, true, _) => unfinished(id, true, "hung"),
        (_, _, Ended::Signal(signal, _)) => {
            unfinished(id, true, &format!("killed by signal {signal}"))
        }
        (_, _, Ended::Code(code)) => {
            unfinished(id, false, &format!("ended with {code} and no line"))
        }
    })
}

/// The line of an attack that did not live to write its own: being killed for it counts as tried.
fn unfinished(id: &str, attempted: bool, reason: &str) -> String {
    format!(
        "{{\"attack\":{},\"attempted\":{attempted},\"effect\":\"none\",\"errno\":null,\"reason\":{},\"calls\":[]}}",
        quote(id),
        quote(reason)
    )
}

pub fn pipe() -> Res<(i32, i32)> {
    let mut ends = [0i32; 2];
    sys!(libc::SYS_pipe2, ends.as_mut_ptr(), libc::O_CLOEXEC)?;
    Ok((ends[0], ends[1]))
}

fn read_until(fd: i32, deadline: i64) -> (Vec<u8>, bool) {
    let mut all = Vec::new();
    loop {
        let left = deadline - sys::monotonic_ms();
        if left <= 0 {
            return (all, true);
        }
        let mut poll = libc::pollfd {
            fd,
            events: libc::POLLIN,
            revents: 0,
        };
        match sys!(
            crate::older::SYS_poll,
            &mut poll as *mut libc::pollfd,
            1,
            left
        ) {
            Err(Errno(libc::EINTR)) => continue,
            Err(_) => return (all, false),
            Ok(0) => return (all, true),
            Ok(_) => match sys::read_some(fd, 65536) {
                Ok(bytes) if bytes.is_empty() => return (all, false),
                Ok(bytes) => {
                    all.extend_from_slice(&bytes);
                    // A survivor that keeps the pipe open must not keep us: the line is whole.
                    if all.ends_with(b"]}") {
                        return (all, false);
                    }
                }
                Err(Errno(libc::EINTR)) => continue,
                Err(_) => return (all, false),
            },
        }
    }
}
