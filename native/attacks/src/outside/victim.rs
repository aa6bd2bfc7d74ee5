//! A process with something to lose: a secret in its memory, in its environment and in its words. It writes
//! one byte for each SIGURG that it gets, and ends with its input. `victim SECRET`

use super::unable;
use crate::sys;
use crate::sys::Res;

pub fn run(words: &[String]) -> i32 {
    let [secret] = words else {
        return unable("victim", "SECRET");
    };
    let mut memory = [0u8; 64];
    let length = secret.len().min(64);
    memory[..length].copy_from_slice(&secret.as_bytes()[..length]);
    println!("{{\"address\":{}}}", memory.as_ptr() as usize);
    match serve() {
        // Read once more, so that the memory is there until the end.
        Ok(_) => i32::from(memory.is_empty()),
        Err(errno) => unable("victim", errno),
    }
}

fn serve() -> Res {
    // Where tracing is restricted to ancestors, the control runs need leave.
    let _ = sys!(libc::SYS_prctl, libc::PR_SET_PTRACER, -1, 0, 0, 0);
    let mask = 1u64 << (libc::SIGURG - 1);
    sys!(
        libc::SYS_rt_sigprocmask,
        libc::SIG_BLOCK,
        &mask as *const u64,
        0,
        8
    )?;
    let signals = sys!(
        libc::SYS_signalfd4,
        -1,
        &mask as *const u64,
        8,
        libc::SFD_CLOEXEC
    )? as i32;
    loop {
        let mut polls = [
            libc::pollfd {
                fd: signals,
                events: libc::POLLIN,
                revents: 0,
            },
            libc::pollfd {
                fd: 0,
                events: libc::POLLIN,
                revents: 0,
            },
        ];
        match sys!(crate::older::SYS_poll, polls.as_mut_ptr(), 2, -1) {
            Err(sys::Errno(libc::EINTR)) => continue,
            other => other?,
        };
        if polls[0].revents != 0 {
            sys::read_some(signals, 128)?;
            sys::write_all(1, b"u")?;
        }
        if polls[1].revents != 0 {
            return Ok(0);
        }
    }
}
