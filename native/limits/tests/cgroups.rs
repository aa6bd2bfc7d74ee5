//! Limits by cgroups, as root, on the kernel that is there.
#![allow(clippy::unwrap_used)]

mod common;

use std::time::Instant;

use common::*;
use glovebox_limits::{Control, Limits, Notice, Request};

const MIB: u64 = 1 << 20;

/// Ordinary users have their own tests, in a subtree that was delegated to them.
fn prepared(request: Request) -> Option<Limits> {
    is_root().then(|| Limits::prepare(&request).unwrap())
}

#[test]
fn memory_beyond_the_limit_is_not_given() {
    let Some(mut limits) = prepared(Request {
        memory: explicit(64 * MIB),
        ..NOTHING
    }) else {
        return;
    };
    limits.watches().unwrap();
    assert!(limits.memory_accounted());
    assert_eq!(
        Child::inside(&limits, || touch(32 << 20, libc::MAP_PRIVATE)).wait(),
        End::Code(0)
    );
    assert_eq!(limits.notices().unwrap(), []);
    assert_eq!(
        Child::inside(&limits, || touch(200 << 20, libc::MAP_PRIVATE)).wait(),
        End::Signal(libc::SIGKILL)
    );
    assert_eq!(limits.notices().unwrap(), [Notice::OutOfMemory]);
    assert_eq!(limits.notices().unwrap(), [], "it is told once");
    assert!(limits.out_of_memory().unwrap());
    let peak = limits.usage().unwrap().peak_memory_bytes.unwrap();
    assert!((32 * MIB..=64 * MIB).contains(&peak), "{peak}");
    limits.destroy().unwrap();
}

#[test]
fn shared_memory_counts() {
    let Some(limits) = prepared(Request {
        memory: explicit(64 * MIB),
        ..NOTHING
    }) else {
        return;
    };
    assert_eq!(
        Child::inside(&limits, || touch(200 << 20, libc::MAP_SHARED)).wait(),
        End::Signal(libc::SIGKILL)
    );
    limits.destroy().unwrap();
}

#[test]
fn a_fork_bomb_stops_at_the_limit_and_is_noticed() {
    let Some(mut limits) = prepared(Request {
        pids: explicit(20),
        ..NOTHING
    }) else {
        return;
    };
    limits.watches().unwrap();
    // The child itself is one of the twenty.
    assert_eq!(
        Child::inside(&limits, || count_forks(100)).wait(),
        End::Code(19)
    );
    assert_eq!(limits.notices().unwrap(), [Notice::TooManyProcesses]);
    assert_eq!(limits.notices().unwrap(), []);
    limits.destroy().unwrap();
}

#[test]
fn a_watch_becomes_ready_when_memory_runs_out() {
    let Some(mut limits) = prepared(Request {
        memory: explicit(32 * MIB),
        pids: explicit(4),
        ..NOTHING
    }) else {
        return;
    };
    let ready = |limits: &mut Limits| {
        let watches = limits.watches().unwrap();
        let mut polled: Vec<_> = watches
            .iter()
            .map(|watch| rustix::event::PollFd::new(watch, watch.events()))
            .collect();
        rustix::event::poll(
            &mut polled,
            Some(&rustix::event::Timespec {
                tv_sec: 0,
                tv_nsec: 0,
            }),
        )
        .unwrap()
    };
    assert_eq!(ready(&mut limits), 0);
    Child::inside(&limits, || touch(100 << 20, libc::MAP_PRIVATE)).wait();
    assert_eq!(ready(&mut limits), 1);
    assert_eq!(limits.notices().unwrap(), [Notice::OutOfMemory]);
    assert_eq!(
        ready(&mut limits),
        0,
        "a notice that was read does not come back"
    );
    Child::inside(&limits, || count_forks(9)).wait();
    // Version 1 of some kernels counts without announcing.
    assert_eq!(limits.notices().unwrap(), [Notice::TooManyProcesses]);
    limits.destroy().unwrap();
}

#[test]
fn a_quarter_of_a_cpu_is_a_quarter() {
    let Some(percent) = percent_of_a_cpu(explicit(0.25)) else {
        return;
    };
    assert!((5..=36).contains(&percent), "{percent} %");
}

#[test]
fn a_default_may_use_one_period_more_at_its_start_and_no_more_after_it() {
    // In a second 250 ms, 25 ms of unused time, and the 25 ms that it begins with.
    let Some(percent) = percent_of_a_cpu(default(0.25)) else {
        return;
    };
    assert!((5..=42).contains(&percent), "{percent} %");
}

/// How many percent of one CPU a child gets that wants all of it, for a second. `None` where there is no cgroup.
fn percent_of_a_cpu(cpus: Option<glovebox_limits::Limit<f64>>) -> Option<i32> {
    let limits = prepared(Request { cpus, ..NOTHING })?;
    assert!(!limits.affinity_pinned());
    let end = Child::inside(&limits, || {
        let start = Instant::now();
        while start.elapsed().as_millis() < 1000 {
            std::hint::spin_loop();
        }
        // SAFETY: a zeroed rusage is a valid one, and is ours.
        let usage = unsafe {
            let mut usage: libc::rusage = std::mem::zeroed();
            libc::getrusage(libc::RUSAGE_SELF, &mut usage);
            usage
        };
        let used = usage.ru_utime.tv_sec * 1000 + usage.ru_utime.tv_usec / 1000;
        (used * 100 / start.elapsed().as_millis() as i64) as i32
    })
    .wait();
    let End::Code(percent) = end else {
        panic!("{end:?}")
    };
    limits.destroy().unwrap();
    Some(percent)
}

#[test]
fn destroying_ends_whoever_is_left() {
    let Some(limits) = prepared(Request {
        pids: explicit(20),
        memory: explicit(64 * MIB),
        ..NOTHING
    }) else {
        return;
    };
    let directories: Vec<_> = limits.directories().cloned().collect();
    let child = Child::inside(&limits, || loop {
        // SAFETY: no pointers.
        unsafe { libc::pause() };
    });
    until("the child has joined", || {
        std::fs::read_to_string(directories[0].join("cgroup.procs"))
            .unwrap()
            .contains(&child.0.to_string())
    });
    // The dead child would keep its cgroup busy until somebody waits for it; in the jail that is its pid 1.
    let reaper = std::thread::spawn(move || child.wait());
    limits.destroy().unwrap();
    assert_eq!(reaper.join().unwrap(), End::Signal(libc::SIGKILL));
    assert!(directories.iter().all(|directory| !directory.exists()));
}

#[test]
fn what_a_dead_owner_left_is_reaped_and_what_a_living_one_has_is_not() {
    let Some(limits) = prepared(Request {
        pids: explicit(20),
        ..NOTHING
    }) else {
        return;
    };
    let ours = limits.directories().next().unwrap().clone();
    let base = ours.parent().unwrap();
    let namespace =
        std::os::unix::fs::MetadataExt::ino(&std::fs::metadata("/proc/self/ns/pid").unwrap());
    // Pid 1 has another start time, so its name here is that of somebody who is gone.
    let stale = base.join(format!("glovebox-1-99999999999-{namespace}"));
    std::fs::create_dir(&stale).unwrap();
    let stuck = Child::run(|| {
        let joined = std::fs::write(stale.join("tasks"), "0")
            .or_else(|_| std::fs::write(stale.join("cgroup.procs"), "0"));
        if joined.is_err() {
            return 1;
        }
        loop {
            // SAFETY: no pointers.
            unsafe { libc::pause() };
        }
    });
    until("the orphan is in", || {
        std::fs::read_to_string(stale.join("cgroup.procs"))
            .unwrap()
            .contains(&stuck.0.to_string())
    });
    let reaper = std::thread::spawn(move || stuck.wait());
    // Two at once: a parallel starter finds the same.
    std::thread::scope(|scope| {
        let other = scope.spawn(|| limits.reap_stale().unwrap());
        let both = limits.reap_stale().unwrap() + other.join().unwrap();
        assert!(both >= 1);
    });
    assert_eq!(reaper.join().unwrap(), End::Signal(libc::SIGKILL));
    assert!(!stale.exists());
    assert!(ours.exists());
    limits.destroy().unwrap();
}

#[test]
fn sandboxes_of_one_process_have_groups_of_their_own() {
    let Some(one) = prepared(Request {
        pids: explicit(5),
        ..NOTHING
    }) else {
        return;
    };
    let two = Limits::prepare(&Request {
        pids: explicit(50),
        ..NOTHING
    })
    .unwrap();
    assert_ne!(one.directories().next(), two.directories().next());
    assert_eq!(
        Child::inside(&two, || count_forks(40)).wait(),
        End::Code(40)
    );
    assert!(one.mechanism(Control::Pids).unwrap().contains("pids.max"));
    assert_eq!(one.mechanism(Control::Memory), None);
    one.destroy().unwrap();
    two.destroy().unwrap();
}
