//! A path that changes between an allowed program (our own) and a forbidden one while execve is decided.

use crate::files::FORBIDDEN;
use crate::report::{Args, Attack, Outcome, Trace};
use crate::sys::{self, c, Ended};
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::Arc;

pub const ATTACKS: &[Attack] = &[("race-exec", race_exec)];

/// `target` must be as long as our own path, or is made so by slashes.
fn race_exec(args: &Args, trace: &mut Trace) -> Outcome {
    let own = std::env::args().next().unwrap_or_default();
    let target = args.get("target");
    let length = own.len().max(target.len());
    let pad = |path: &str| format!("{}{path}\0", "/".repeat(length - path.len())).into_bytes();
    let (allowed, forbidden) = (pad(&own), pad(target));
    let memory: Arc<Vec<AtomicU8>> =
        Arc::new(allowed.iter().map(|byte| AtomicU8::new(*byte)).collect());
    let stop = Arc::new(AtomicBool::new(false));
    let (shared, seen) = (memory.clone(), stop.clone());
    let thread = std::thread::spawn(move || {
        while !seen.load(Ordering::Relaxed) {
            for bytes in [&forbidden, &allowed] {
                for (cell, byte) in shared.iter().zip(bytes.iter()) {
                    cell.store(*byte, Ordering::Relaxed);
                }
            }
        }
    });
    let (mut ran, mut refused, mut wrong) = (0, 0, 0);
    let wanted = args.number("rounds");
    // On a busy machine one of the two paths may have all the luck for a while: go on until ours ran too.
    for round in 0..wanted * 20 {
        if wrong > 0 || (round >= wanted && ran > 0) {
            break;
        }
        match spawn(&memory) {
            Some(Ended::Code(FORBIDDEN)) => wrong += 1,
            Some(Ended::Code(crate::files::MARK)) => ran += 1,
            _ => refused += 1,
        }
    }
    stop.store(true, Ordering::Relaxed);
    // A panic there is one of this program's own; the rounds have been made.
    let _ = thread.join();
    let _ = trace.call(format!("ran {ran}, refused {refused}"), Ok(()));
    if wrong > 0 {
        Outcome::Effect(format!("the forbidden program ran {wrong} times"))
    } else if ran == 0 {
        Outcome::NotTried("the allowed program never ran".into())
    } else {
        Outcome::Nothing
    }
}

/// posix_spawn shares our memory with the child until the exec, so the second thread reaches the path there.
fn spawn(path: &[AtomicU8]) -> Option<Ended> {
    let words = [c("x"), c("mark")];
    let argv = [
        words[0].as_ptr().cast_mut(),
        words[1].as_ptr().cast_mut(),
        std::ptr::null_mut(),
    ];
    let environment: [*mut libc::c_char; 1] = [std::ptr::null_mut()];
    let mut pid = 0;
    // SAFETY: every pointer is to memory that outlives the call; the path changes meanwhile, which is the
    // attack, but its last byte is always 0.
    let error = unsafe {
        libc::posix_spawn(
            &mut pid,
            path.as_ptr().cast(),
            std::ptr::null(),
            std::ptr::null(),
            argv.as_ptr(),
            environment.as_ptr(),
        )
    };
    if error != 0 {
        return None;
    }
    sys::wait_for(pid).ok()
}
