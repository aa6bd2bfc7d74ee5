//! What the races for connections share: memory that changes, and rounds that are counted.

use crate::network::Address;
use crate::report::{Args, Outcome, Trace};
use crate::sys;
use crate::sys::{close, Res};
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};
use std::sync::Arc;

/// Bytes that two threads share; each is read and written on its own, as the kernel reads them.
pub struct Shared(Vec<AtomicU8>);

impl Shared {
    pub fn new(length: usize) -> Shared {
        Shared((0..length).map(|_| AtomicU8::new(0)).collect())
    }

    pub fn put(&self, bytes: &[u8]) {
        for (cell, byte) in self.0.iter().zip(bytes) {
            cell.store(*byte, Ordering::Relaxed);
        }
    }

    fn pointer(&self) -> *const AtomicU8 {
        self.0.as_ptr()
    }
}

/// Runs `other` again and again in a second thread while `one` runs.
pub fn against<T>(other: impl Fn() + Send + 'static, one: impl FnOnce() -> T) -> T {
    let stop = Arc::new(AtomicBool::new(false));
    let seen = stop.clone();
    let thread = std::thread::spawn(move || {
        while !seen.load(Ordering::Relaxed) {
            other();
        }
    });
    let result = one();
    stop.store(true, Ordering::Relaxed);
    // A panic there is one of this program's own; the rounds have been made.
    let _ = thread.join();
    result
}

pub fn listener(address: &Address) -> Res<i32> {
    let kind = libc::SOCK_STREAM | libc::SOCK_CLOEXEC | libc::SOCK_NONBLOCK;
    let fd = sys!(libc::SYS_socket, address.family, kind, 0)? as i32;
    sys!(libc::SYS_bind, fd, address.pointer(), address.length())?;
    sys!(libc::SYS_listen, fd, 128)?;
    Ok(fd)
}

/// Whom we are connected to, as the kernel tells.
fn peer(fd: i32) -> Vec<u8> {
    let mut bytes = [0u8; 128];
    let mut length = 128u32;
    match sys!(
        libc::SYS_getpeername,
        fd,
        bytes.as_mut_ptr(),
        &mut length as *mut u32
    ) {
        Ok(_) => bytes[..(length as usize).min(128)].to_vec(),
        Err(_) => Vec::new(),
    }
}

pub fn contains(bytes: &[u8], wanted: &[u8]) -> bool {
    bytes.windows(wanted.len()).any(|window| window == wanted)
}

pub struct Rounds {
    won: i64,
    lost: i64,
    wrong: Option<String>,
}

/// Connects `rounds` times and empties our listener; `foreign` tells a peer that is not ours.
pub fn rounds(
    args: &Args,
    own: i32,
    mut attempt: impl FnMut() -> Option<Res<i32>>,
    foreign: impl Fn(&[u8]) -> bool,
) -> Rounds {
    let mut result = Rounds {
        won: 0,
        lost: 0,
        wrong: None,
    };
    let wanted = args.number("rounds");
    // On a busy machine one of the two threads may have all the luck for a while: go on until both goals were tried.
    for round in 0..wanted * 20 {
        if result.wrong.is_some() || (round >= wanted && result.won > 0) {
            break;
        }
        match attempt() {
            Some(Ok(fd)) => {
                result.won += 1;
                let name = peer(fd);
                if foreign(&name) {
                    result.wrong = Some(String::from_utf8_lossy(&name).into_owned());
                }
                close(fd);
            }
            Some(Err(_)) => result.lost += 1,
            None => {}
        }
        while let Ok(fd) = sys!(libc::SYS_accept4, own, 0, 0, libc::SOCK_CLOEXEC) {
            close(fd as i32);
        }
    }
    result
}

pub fn verdict(trace: &mut Trace, result: Rounds) -> Outcome {
    let _ = trace.call(
        format!("connected {}, refused {}", result.won, result.lost),
        Ok(()),
    );
    match result.wrong {
        Some(peer) => Outcome::Effect(format!("connected to {peer}")),
        // Neither goal was ever reached, or never refused: then nothing was raced for.
        None if result.won == 0 => Outcome::NotTried("our own socket was never reached".into()),
        None => Outcome::Nothing,
    }
}

pub fn stream(family: i32) -> Res<i32> {
    sys!(
        libc::SYS_socket,
        family,
        libc::SOCK_STREAM | libc::SOCK_CLOEXEC,
        0
    )
    .map(|fd| fd as i32)
}

pub fn connect_shared(family: i32, memory: &Shared, length: usize) -> Option<Res<i32>> {
    let fd = stream(family).ok()?;
    Some(
        sys!(libc::SYS_connect, fd, memory.pointer(), length)
            .map(|_| fd)
            .map_err(|errno| {
                close(fd);
                errno
            }),
    )
}

pub fn connect_fresh(goal: &Address) -> Option<Res<i32>> {
    let fd = stream(goal.family).ok()?;
    Some(
        sys!(libc::SYS_connect, fd, goal.pointer(), goal.length())
            .map(|_| fd)
            .map_err(|errno| {
                close(fd);
                errno
            }),
    )
}
