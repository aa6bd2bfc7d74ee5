//! Children in limits, and users who are not root.
#![allow(dead_code, clippy::unwrap_used)] // each test file uses a part of it

use std::io;
use std::time::{Duration, Instant};

use glovebox_limits::{Limit, Limits, Request};

pub const NOTHING: Request = Request {
    memory: None,
    cpus: None,
    pids: None,
};

pub fn explicit<T>(value: T) -> Option<Limit<T>> {
    Some(Limit {
        value,
        explicit: true,
    })
}

pub fn default<T>(value: T) -> Option<Limit<T>> {
    Some(Limit {
        value,
        explicit: false,
    })
}

pub fn is_root() -> bool {
    // SAFETY: no pointers.
    unsafe { libc::geteuid() == 0 }
}

#[derive(Debug, PartialEq, Eq)]
pub enum End {
    Code(i32),
    Signal(i32),
}

pub struct Child(pub i32);

impl Child {
    /// Forks and runs `body`.
    pub fn run(body: impl FnOnce() -> i32) -> Self {
        // SAFETY: the child runs `body` and exits without returning here.
        match unsafe { libc::fork() } {
            -1 => panic!("fork: {}", io::Error::last_os_error()),
            0 => {
                // A panic must not run on in the child's copy of the test harness.
                let code =
                    std::panic::catch_unwind(std::panic::AssertUnwindSafe(body)).unwrap_or(101);
                // SAFETY: ends the child at once.
                unsafe { libc::_exit(code) }
            }
            pid => Self(pid),
        }
    }

    /// Forks, joins `limits`, applies what the child has to, and runs `body`.
    pub fn inside(limits: &Limits, body: impl FnOnce() -> i32) -> Self {
        let bind = || {
            glovebox_limits::join(&limits.entries())?;
            limits.in_child().apply()
        };
        Self::run(|| match bind() {
            Ok(()) => body(),
            Err(error) => error.raw_os_error().unwrap_or(250),
        })
    }

    pub fn wait(self) -> End {
        let mut status = 0;
        // SAFETY: `status` is ours.
        let reaped = unsafe { libc::waitpid(self.0, &mut status, 0) };
        assert_eq!(reaped, self.0, "waitpid: {}", io::Error::last_os_error());
        if libc::WIFSIGNALED(status) {
            End::Signal(libc::WTERMSIG(status))
        } else {
            End::Code(libc::WEXITSTATUS(status))
        }
    }

    pub fn kill(self) {
        // SAFETY: the child is ours and not reaped yet.
        unsafe { libc::kill(self.0, libc::SIGKILL) };
        self.wait();
    }
}

/// Writes to `bytes` of new memory, page by page. 0 when it got there.
pub fn touch(bytes: usize, flags: i32) -> i32 {
    // SAFETY: a new mapping, written within its length.
    unsafe {
        let at = libc::mmap(
            std::ptr::null_mut(),
            bytes,
            libc::PROT_READ | libc::PROT_WRITE,
            flags | libc::MAP_ANONYMOUS,
            -1,
            0,
        );
        if at == libc::MAP_FAILED {
            return 1;
        }
        for offset in (0..bytes).step_by(4096) {
            at.cast::<u8>().add(offset).write_volatile(1);
        }
    }
    0
}

/// Forks sleepers until it is refused, ends them, and says how many there were.
pub fn count_forks(most: i32) -> i32 {
    let mut children = Vec::with_capacity(most as usize);
    while (children.len() as i32) < most {
        // SAFETY: the child only sleeps; it is killed below or dies with its parent.
        match unsafe { libc::fork() } {
            -1 => break,
            0 => loop {
                // SAFETY: no pointers.
                unsafe { libc::pause() };
            },
            pid => children.push(pid),
        }
    }
    for pid in &children {
        // SAFETY: our own children, not reaped yet.
        unsafe {
            libc::kill(*pid, libc::SIGKILL);
            libc::waitpid(*pid, std::ptr::null_mut(), 0);
        }
    }
    children.len() as i32
}

/// Runs `body` in a child that is the ordinary user `uid`; it says "good" with 0.
pub fn as_user(uid: u32, body: impl FnOnce() -> i32) -> End {
    Child::run(|| {
        // SAFETY: no pointers but the empty list of groups.
        let changed = unsafe {
            libc::setgroups(0, std::ptr::null()) == 0
                && libc::setgid(uid) == 0
                && libc::setuid(uid) == 0
        };
        if changed {
            body()
        } else {
            251
        }
    })
    .wait()
}

/// Waits for a condition, for at most ten seconds.
pub fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + Duration::from_secs(10);
    while !condition() {
        assert!(Instant::now() < deadline, "waited in vain until {what}");
        std::thread::yield_now();
    }
}
