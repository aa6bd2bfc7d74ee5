//! Children under the filter.
#![allow(dead_code, clippy::unwrap_used)] // each test file uses a part of it

pub mod sandbox;

use std::io;
use std::os::fd::OwnedFd;

use glovebox_seccomp::Filter;

/// How a child ended.
#[derive(Debug, PartialEq, Eq)]
pub enum End {
    Code(i32),
    Signal(i32),
}

/// Forks, runs `body` in the child and waits. `body` must make only system calls: the test harness has threads.
pub fn in_child(body: impl FnOnce() -> i32) -> End {
    // SAFETY: the child runs `body` and exits without returning here.
    match unsafe { libc::fork() } {
        -1 => panic!("fork: {}", io::Error::last_os_error()),
        0 => {
            let code = unwound(body);
            // SAFETY: ends the child at once, without the parent's exit handlers.
            unsafe { libc::_exit(code) }
        }
        child => wait(child),
    }
}

/// A panic in a child must not run on in its copy of the test harness.
pub fn unwound(body: impl FnOnce() -> i32) -> i32 {
    std::panic::catch_unwind(std::panic::AssertUnwindSafe(body)).unwrap_or(101)
}

pub fn wait(child: i32) -> End {
    let mut status = 0;
    // SAFETY: `status` is ours.
    let reaped = unsafe { libc::waitpid(child, &mut status, 0) };
    assert_eq!(reaped, child, "waitpid: {}", io::Error::last_os_error());
    if libc::WIFSIGNALED(status) {
        End::Signal(libc::WTERMSIG(status))
    } else {
        End::Code(libc::WEXITSTATUS(status))
    }
}

/// no_new_privs, then the filter.
pub fn confine(filter: &Filter) -> io::Result<OwnedFd> {
    // SAFETY: no pointers.
    unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) };
    filter.install()
}

/// The errno of a raw system call, 0 when it succeeds.
pub fn errno_of(number: libc::c_long, args: [usize; 6]) -> i32 {
    // SAFETY: the tests pass null pointers, or pointers to memory of their own.
    let result =
        unsafe { libc::syscall(number, args[0], args[1], args[2], args[3], args[4], args[5]) };
    if result < 0 {
        io::Error::last_os_error().raw_os_error().unwrap_or(-1)
    } else {
        0
    }
}

/// The errno that a child under `filter` gets.
pub fn errno_under(filter: &Filter, number: libc::c_long, args: [usize; 6]) -> i32 {
    let end = in_child(|| match confine(filter) {
        Ok(_listener) => errno_of(number, args),
        Err(_) => 255,
    });
    match end {
        End::Code(code) => code,
        End::Signal(signal) => panic!("call {number} ended the child with signal {signal}"),
    }
}

/// Runs this test program once more, as an ordinary user, without the test that calls this.
pub fn again_as_user(name: &str) {
    use std::os::unix::process::CommandExt;
    // SAFETY: no pointers.
    if unsafe { libc::geteuid() } != 0 {
        return;
    }
    let place = sandbox::TemporaryDirectory::new();
    let program = place.0.join(name);
    std::fs::copy(std::env::current_exe().unwrap(), &program).unwrap();
    let mut command = std::process::Command::new(&program);
    command
        .args(["--skip", "ordinary_user", "--test-threads", "2"])
        // The long races have been run by then.
        .env_remove("GLOVEBOX_LONG")
        .current_dir("/")
        .uid(12345)
        .gid(12345);
    let run = loop {
        match command.output() {
            // Another test forked while the copy was open for writing, and will close it with its exit.
            Err(error) if error.raw_os_error() == Some(libc::ETXTBSY) => std::thread::yield_now(),
            done => break done.unwrap(),
        }
    };
    let said = String::from_utf8_lossy(&run.stdout);
    assert!(
        run.status.success(),
        "{said}\n{}",
        String::from_utf8_lossy(&run.stderr)
    );
    assert!(
        said.contains(" passed;") && !said.contains(" 0 passed;"),
        "{said}"
    );
}
