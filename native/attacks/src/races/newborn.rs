//! Programs that the host starts in the running sandbox, at the moment when they are neither the process that starts them
//! nor themselves yet. They have our user id, so that we may stop them, and look into them as soon as the kernel lets us.

use crate::files::MARK;
use crate::report::{Args, Attack, Outcome, Trace};
use crate::sys;
use crate::sys::{close, Ended, Errno, Res};

pub const ATTACKS: &[Attack] = &[("newborn-memory-file", newborn_memory_file)];

/// How far ahead of the last known number a new process is looked for.
const AHEAD: i32 = 6;
/// Descriptors of a newborn that are looked at.
const NUMBERS: std::ops::Range<i32> = 3..20;

/// Takes a memory file away from a newborn, writes our own program into it and executes it: it lies on no mount, and
/// Landlock has no rule for it. Ends with the first that runs, or when `seconds` less five have gone by.
fn newborn_memory_file(args: &Args, trace: &mut Trace) -> Outcome {
    let program = match std::fs::read("/proc/self/exe") {
        Ok(program) => program,
        Err(error) => return Outcome::NotTried(error.to_string()),
    };
    let until = sys::monotonic_ms() + (args.number("seconds") - 5) * 1000;
    let mut next = std::process::id() as i32 + 1;
    let (mut met, mut opened, mut missed) = (0, 0, 0);
    while sys::monotonic_ms() < until {
        let Some(newborn) = (next..next + AHEAD).find(|pid| signal(*pid, libc::SIGSTOP).is_ok())
        else {
            missed += 1;
            if missed % 10_000 == 0 {
                next = latest().unwrap_or(next) + 1;
            }
            continue;
        };
        next = newborn + 1;
        met += 1;
        match take_from(newborn, &mut opened) {
            Some(file) => {
                let done = run_as(file, newborn, &program, trace);
                close(file);
                if let Outcome::Effect(_) = done {
                    return done;
                }
            }
            None => drop(signal(newborn, libc::SIGCONT)),
        }
    }
    if met == 0 {
        return Outcome::NotTried("the host started nothing".into());
    }
    let _ = trace.call(format!("met {met}, looked into {opened}"), Ok(()));
    Outcome::Nothing
}

/// A number that the kernel has just given away; the numbers may have gone past those that we look at.
fn latest() -> Option<i32> {
    let pid = sys::fork_with(|| 0).ok()?;
    sys::wait_for(pid).ok()?;
    Some(pid)
}

fn signal(pid: i32, number: i32) -> Res {
    sys!(libc::SYS_kill, pid, number)
}

/// Lets it run a little at a time, until the kernel lets us see its descriptors.
fn take_from(newborn: i32, opened: &mut u32) -> Option<i32> {
    for pause in 0..4000 {
        match sys::open(
            &format!("/proc/{newborn}/fd"),
            libc::O_RDONLY | libc::O_DIRECTORY,
        ) {
            Ok(directory) => {
                close(directory);
                *opened += 1;
                return memory_file_of(newborn);
            }
            Err(Errno(libc::EACCES | libc::EPERM)) => {
                signal(newborn, libc::SIGCONT).ok()?;
                for _ in 0..pause % 64 * 16 {
                    std::hint::spin_loop();
                }
                signal(newborn, libc::SIGSTOP).ok()?;
            }
            Err(_) => return None,
        }
    }
    None
}

fn memory_file_of(newborn: i32) -> Option<i32> {
    NUMBERS
        .map(|number| format!("/proc/{newborn}/fd/{number}"))
        .find_map(|path| {
            let name = std::fs::read_link(&path).ok()?;
            let is_memory = name.to_string_lossy().starts_with("/memfd:");
            if is_memory {
                sys::open(&path, libc::O_RDWR).ok()
            } else {
                None
            }
        })
}

/// Whoever else has it open for writing has to go first (ETXTBSY).
fn run_as(file: i32, newborn: i32, program: &[u8], trace: &mut Trace) -> Outcome {
    let written = trace.call(
        "fill it",
        sys!(libc::SYS_pwrite64, file, program.as_ptr(), program.len(), 0),
    );
    let reader = trace.call(
        "reopen",
        sys::open(&format!("/proc/self/fd/{file}"), libc::O_RDONLY),
    );
    let _ = trace.call("kill", signal(newborn, libc::SIGKILL));
    let (Ok(_), Ok(reader)) = (written, reader) else {
        return Outcome::Nothing;
    };
    close(file);
    let until = sys::monotonic_ms() + 500;
    let mut ended = Ok(Ended::Code(0));
    while sys::monotonic_ms() < until {
        ended = sys::run_descriptor(reader, "", &["x", "mark"], libc::AT_EMPTY_PATH);
        if ended != Ok(Ended::Code(100 + libc::ETXTBSY)) {
            break;
        }
    }
    close(reader);
    match trace.call("execveat", ended) {
        Ok(Ended::Code(MARK)) => Outcome::Effect("a program ran that only we have written".into()),
        other => {
            let _ = trace.call(format!("{other:?}"), Ok(()));
            Outcome::Nothing
        }
    }
}
