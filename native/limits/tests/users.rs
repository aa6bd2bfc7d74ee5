//! An ordinary user: without anything, and with what `delegate` gives. Needs root to become one.
#![allow(clippy::unwrap_used)]

mod common;

use common::*;
use glovebox_limits::{delegate, undelegate, Control, Limits, Request, Watchdog};

const MIB: u64 = 1 << 20;

#[test]
fn a_written_limit_without_a_cgroup_is_refused_with_the_line_that_helps() {
    if !is_root() {
        return;
    }
    let end = as_user(54_321, || {
        let written = [
            Request {
                memory: explicit(64 * MIB),
                ..NOTHING
            },
            Request {
                pids: explicit(20),
                ..NOTHING
            },
            Request {
                cpus: explicit(0.5),
                ..NOTHING
            },
        ];
        i32::from(
            !written
                .iter()
                .all(|request| match Limits::prepare(request) {
                    Err(refusal) => {
                        refusal.fix == "sudo glovebox doctor --fix --user 54321"
                            && refusal.why.contains("cgroup")
                    }
                    Ok(_) => false,
                }),
        )
    });
    assert_eq!(end, End::Code(0));
}

#[test]
fn a_default_without_a_cgroup_falls_to_the_second_mechanism() {
    if !is_root() {
        return;
    }
    let end = as_user(54_322, || {
        let request = Request {
            memory: default(64 * MIB),
            cpus: default(1.0),
            pids: default(20),
        };
        let limits = Limits::prepare(&request).unwrap();
        assert!(limits
            .mechanism(Control::Memory)
            .unwrap()
            .starts_with("watchdog"));
        assert!(!limits.memory_accounted() && limits.affinity_pinned());
        assert_eq!(limits.directories().count(), 0);
        assert_eq!(
            Child::inside(&limits, || touch(32 << 20, libc::MAP_PRIVATE)).wait(),
            End::Code(0)
        );
        assert_eq!(
            Child::inside(&limits, || touch(1200 << 20, libc::MAP_PRIVATE)).wait(),
            End::Code(1),
            "the mapping is refused beyond the GiB that runtimes reserve"
        );
        // In a jail the user namespace starts counting at zero; here the test itself, its parent and the child count.
        let End::Code(forks) = Child::inside(&limits, || count_forks(100)).wait() else {
            return 3;
        };
        assert!((15..20).contains(&forks), "{forks}");
        let cpus = Child::inside(&limits, || {
            rustix::thread::sched_getaffinity(None).map_or(-1, |set| set.count() as i32)
        })
        .wait();
        assert_eq!(cpus, End::Code(1));
        limits.destroy().unwrap();
        0
    });
    assert_eq!(end, End::Code(0));
}

#[test]
fn a_delegated_subtree_serves_its_user_and_is_taken_back() {
    if !is_root() {
        return;
    }
    let user = 54_323;
    let first = delegate(user).unwrap();
    assert_eq!(first.problems, [] as [String; 0]);
    assert_eq!(first.controls, ["memory", "cpus", "pids"]);
    assert!(first.actions.iter().any(|action| action.changed));
    let again = delegate(user).unwrap();
    assert!(
        again.actions.iter().all(|action| !action.changed),
        "{again:?}"
    );

    let end = as_user(user, || {
        let request = Request {
            memory: explicit(64 * MIB),
            cpus: explicit(0.5),
            pids: explicit(20),
        };
        let mut limits = Limits::prepare(&request).unwrap();
        limits.watches().unwrap();
        assert_eq!(
            Child::inside(&limits, || touch(200 << 20, libc::MAP_PRIVATE)).wait(),
            End::Signal(libc::SIGKILL)
        );
        assert!(limits.out_of_memory().unwrap());
        assert_eq!(
            Child::inside(&limits, || count_forks(100)).wait(),
            End::Code(19)
        );
        let process_of_root = limits.attach(1).is_err();
        limits.reap_stale().unwrap();
        limits.destroy().unwrap();
        i32::from(!process_of_root)
    });
    assert_eq!(end, End::Code(0));

    let undone = undelegate(user).unwrap();
    assert_eq!(undone.problems, [] as [String; 0]);
    assert!(undone
        .actions
        .iter()
        .any(|action| action.what == "removed directory"));
    assert_eq!(undelegate(user).unwrap().actions, []);
    assert_eq!(undone.to_json()["undone"], true);
}

#[test]
fn the_watchdog_sees_private_and_forgotten_memory() {
    // Shared pages that no page table shows any more are still there.
    let forgotten = |bytes: usize| {
        // SAFETY: a new mapping of our own.
        unsafe {
            let at = libc::mmap(
                std::ptr::null_mut(),
                bytes,
                libc::PROT_READ | libc::PROT_WRITE,
                libc::MAP_SHARED | libc::MAP_ANONYMOUS,
                -1,
                0,
            );
            libc::memset(at, 1, bytes);
            libc::madvise(at, bytes, libc::MADV_DONTNEED);
        }
    };
    for (private, name) in [(true, "private"), (false, "forgotten")] {
        let child = Child::run(|| {
            if private {
                touch(80 << 20, libc::MAP_PRIVATE);
            } else {
                forgotten(80 << 20);
            }
            loop {
                // SAFETY: no pointers.
                unsafe { libc::pause() };
            }
        });
        let only_child = ProcOf::new(child.0);
        let mut watchdog = Watchdog::new(only_child.open(), Vec::new(), 64 * MIB).unwrap();
        until(name, || watchdog.exceeded().unwrap());
        child.kill();
        until("the memory is gone", || {
            Watchdog::new(only_child.open(), Vec::new(), MIB)
                .unwrap()
                .bytes()
                .unwrap()
                == 0
        });
    }
}

/// A directory that looks like a `/proc` with one process, so that the test needs no pid namespace.
struct ProcOf(std::path::PathBuf);

impl ProcOf {
    fn new(pid: i32) -> Self {
        let directory = std::env::temp_dir().join(format!("glovebox-proc-{pid}"));
        std::fs::create_dir(&directory).unwrap();
        std::os::unix::fs::symlink(format!("/proc/{pid}"), directory.join(pid.to_string()))
            .unwrap();
        Self(directory)
    }

    fn open(&self) -> std::os::fd::OwnedFd {
        std::fs::File::open(&self.0).unwrap().into()
    }
}

impl Drop for ProcOf {
    fn drop(&mut self) {
        std::fs::remove_dir_all(&self.0).unwrap();
    }
}
