//! What has a size: environment, CPUs, processes, disk, memory.

use std::fs::{self, File};
use std::io::{self, Write};
use std::thread;
use std::time::{Duration, Instant};

use super::Finding;

/// The plan of a self-check gives one variable.
pub fn environment() -> Finding {
    let names: Vec<String> = std::env::vars_os()
        .map(|(name, _)| name.to_string_lossy().into_owned())
        .collect();
    let inherited = (3..1024).filter(|fd| is_open(*fd)).count();
    match (names.as_slice(), inherited) {
        ([only], 0) if only == "PATH" => Finding {
            held: true,
            evidence: "no variable but the plan's, no descriptor but three".to_owned(),
        },
        _ => Finding {
            held: false,
            evidence: format!("variables {names:?}, {inherited} inherited descriptors"),
        },
    }
}

fn is_open(fd: i32) -> bool {
    // SAFETY: only asks about a number.
    unsafe { libc::fcntl(fd, libc::F_GETFD) != -1 }
}

/// Two threads that never rest get no more than the one CPU of the plan.
pub fn cpus() -> Finding {
    // A quota is given out in periods of 100 ms, and a default one may have saved up one more (docs/decisions): at worst
    // two are there when we begin and one more with each period, so that of one CPU at most 1.34 can be had in this time.
    let wall = Duration::from_millis(600);
    let until = Instant::now() + wall;
    let threads: Vec<_> = (0..2)
        .map(|_| {
            thread::spawn(move || {
                while Instant::now() < until {
                    std::hint::spin_loop();
                }
            })
        })
        .collect();
    let started = cpu_time();
    for thread in threads {
        if thread.join().is_err() {
            return Finding {
                held: false,
                evidence: "a thread broke".to_owned(),
            };
        }
    }
    let used = cpu_time().saturating_sub(started).as_secs_f64() / wall.as_secs_f64();
    Finding {
        held: used < 1.5,
        evidence: format!("two busy threads got {used:.2} CPUs"),
    }
}

fn cpu_time() -> Duration {
    let mut time = libc::timespec {
        tv_sec: 0,
        tv_nsec: 0,
    };
    // SAFETY: writes one timespec, which is ours.
    unsafe { libc::clock_gettime(libc::CLOCK_PROCESS_CPUTIME_ID, &mut time) };
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}

/// More processes than the plan's 64 cannot be.
pub fn pids() -> Finding {
    let mut children = Vec::new();
    let refused = loop {
        // SAFETY: this process has one thread here, and the child only waits to be killed.
        match unsafe { libc::fork() } {
            0 => loop {
                // SAFETY: waits for a signal.
                unsafe { libc::pause() };
            },
            -1 => break Some(io::Error::last_os_error()),
            child => children.push(child),
        }
        if children.len() > 200 {
            break None;
        }
    };
    for child in &children {
        // SAFETY: a child of ours that has not been waited for, so that its number is still its own.
        unsafe {
            libc::kill(*child, libc::SIGKILL);
            libc::waitpid(*child, std::ptr::null_mut(), 0);
        }
    }
    let count = children.len();
    match refused {
        Some(error) => Finding {
            held: true,
            evidence: format!("after {count} forks: {}", super::say(&error)),
        },
        None => Finding {
            held: false,
            evidence: format!("{count} processes, and no end"),
        },
    }
}

/// The plan's disk is 16 MiB.
pub fn disk() -> Finding {
    let path = "/tmp/glovebox-probe-fill";
    let chunk = vec![0u8; 1024 * 1024];
    let mut written = 0;
    let mut fill = || -> io::Result<()> {
        let mut file = File::create(path)?;
        for _ in 0..64 {
            file.write_all(&chunk)?;
            written += 1;
        }
        Ok(())
    };
    let finding = Finding::refused("write 64 MiB to /tmp", fill());
    match fs::remove_file(path) {
        Ok(()) => Finding {
            evidence: format!("{} after {written} MiB", finding.evidence),
            ..finding
        },
        Err(error) => Finding {
            held: false,
            evidence: format!("remove {path}: {error}"),
        },
    }
}

pub fn take_memory(bytes: usize) {
    let mut kept: Vec<Vec<u8>> = Vec::new();
    while kept.len() * 1024 * 1024 < bytes {
        // Not zeros, which the kernel would not give memory for before they are touched.
        kept.push(vec![1; 1024 * 1024]);
    }
    std::hint::black_box(&kept);
    // Time for a watchdog to look.
    thread::sleep(Duration::from_secs(1));
}
