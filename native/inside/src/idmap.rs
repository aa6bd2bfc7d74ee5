//! User namespaces that exist only to carry an id map for `mount_setattr(2)`'s MOUNT_ATTR_IDMAP.

use std::collections::HashMap;
use std::fs::{self, File};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};

use rustix::io::{Errno, Result};
use rustix::process::{getpid, kill_process, waitpid, Pid, Signal, WaitOptions};

/// One namespace for each pair of owners that was asked for.
#[derive(Default)]
pub struct IdMaps {
    made: HashMap<(u32, u32), OwnedFd>,
}

impl IdMaps {
    /// A namespace in which files of `owner` (user, group) on disk belong to `sandbox` (user, group).
    pub fn between(&mut self, owner: (u32, u32), sandbox: (u32, u32)) -> Result<BorrowedFd<'_>> {
        use std::collections::hash_map::Entry;
        let namespace: &OwnedFd = match self.made.entry(owner) {
            Entry::Occupied(entry) => entry.into_mut(),
            Entry::Vacant(entry) => entry.insert(make(owner, sandbox)?),
        };
        Ok(namespace.as_fd())
    }
}

fn make(owner: (u32, u32), sandbox: (u32, u32)) -> Result<OwnedFd> {
    let holder = Holder::start()?;
    let process = format!("/proc/{}", holder.pid.as_raw_nonzero());
    let write = |name: &str, from: u32, to: u32| {
        fs::write(format!("{process}/{name}"), format!("{from} {to} 1\n")).map_err(errno_of)
    };
    write("gid_map", owner.1, sandbox.1)?;
    write("uid_map", owner.0, sandbox.0)?;
    let namespace = File::open(format!("{process}/ns/user")).map_err(errno_of)?;
    Ok(namespace.into())
}

/// A process that only keeps its new user namespace open; it shares our memory, so it costs no copy.
struct Holder {
    pid: Pid,
    /// In use until `drop` has reaped the process.
    _stack: Box<Stack>,
}

/// The ABIs want 16-byte alignment; the process calls one function and sleeps.
#[repr(align(16))]
struct Stack([u8; 8192]);

impl Holder {
    fn start() -> Result<Holder> {
        let mut stack = Box::new(Stack([0; 8192]));
        let top = stack.0.as_mut_ptr_range().end;
        let us = getpid().as_raw_nonzero().get();
        // SAFETY: the function touches no memory but this stack, which lives as long as the process:
        // both belong to the `Holder`. Its argument is a number, not an address.
        let pid = unsafe {
            libc::clone(
                wait_to_be_killed,
                top.cast(),
                libc::CLONE_NEWUSER | libc::CLONE_VM | libc::SIGCHLD,
                us as usize as *mut libc::c_void,
            )
        };
        match Pid::from_raw(pid) {
            Some(pid) if pid.as_raw_nonzero().get() > 0 => Ok(Holder { pid, _stack: stack }),
            _ => Err(errno_of(std::io::Error::last_os_error())),
        }
    }
}

impl Drop for Holder {
    fn drop(&mut self) {
        // Neither call can fail on a child of ours that nobody else reaps.
        if kill_process(self.pid, Signal::KILL).is_ok() {
            let _status =
                rustix::io::retry_on_intr(|| waitpid(Some(self.pid), WaitOptions::empty()));
        }
    }
}

/// Dies with the launcher (prctl(2), PR_SET_PDEATHSIG), which may be killed at any moment: what held its descriptors longer
/// would keep whoever waits for their end waiting for ever.
extern "C" fn wait_to_be_killed(launcher: *mut libc::c_void) -> libc::c_int {
    // SAFETY: no pointers. Asked after the signal is set: a launcher that died before sends none.
    let orphaned = unsafe {
        libc::prctl(libc::PR_SET_PDEATHSIG, libc::SIGKILL) != 0
            || libc::getppid() as usize != launcher as usize
    };
    if orphaned {
        return 1;
    }
    loop {
        // SAFETY: waits for a signal; the only one that comes is SIGKILL.
        unsafe { libc::pause() };
    }
}

fn errno_of(error: std::io::Error) -> Errno {
    Errno::from_raw_os_error(error.raw_os_error().unwrap_or(libc::EIO))
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::io::{Read, Write};
    use std::time::{Duration, Instant};

    #[test]
    fn a_holder_dies_with_a_launcher_that_is_killed_before_it_lets_it_go() {
        let (read, write) = rustix::pipe::pipe().expect("a pipe");
        // SAFETY: the child does nothing but what async-signal-safe code may, until it is killed.
        let launcher = unsafe { libc::fork() };
        if launcher == 0 {
            let holder = Holder::start();
            let number = holder
                .as_ref()
                .map_or(0, |holder| holder.pid.as_raw_nonzero().get());
            let _told = File::from(write).write_all(&number.to_ne_bytes());
            loop {
                // SAFETY: waits for SIGKILL.
                unsafe { libc::pause() };
            }
        }
        drop(write);
        let mut number = [0; 4];
        File::from(read)
            .read_exact(&mut number)
            .expect("the number of the holder");
        let holder = Pid::from_raw(i32::from_ne_bytes(number)).expect("a user namespace");
        let launcher = Pid::from_raw(launcher).expect("a child");
        assert!(lives(holder));
        kill_process(launcher, Signal::KILL).expect("the launcher lives");
        waitpid(Some(launcher), WaitOptions::empty()).expect("our child");
        let until = Instant::now() + Duration::from_secs(5);
        while lives(holder) {
            if Instant::now() > until {
                kill_process(holder, Signal::KILL).expect("it lives");
                panic!("the holder lives on");
            }
            std::thread::yield_now();
        }
    }

    /// What has ended may wait for whoever reaps orphans here (proc_pid_stat(5), "Z").
    fn lives(process: Pid) -> bool {
        fs::read_to_string(format!("/proc/{}/stat", process.as_raw_nonzero()))
            .is_ok_and(|stat| !stat.contains(") Z "))
    }
}
