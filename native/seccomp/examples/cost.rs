//! What the filter costs: `cargo run --release -p glovebox-seccomp --example cost`.

use std::io::{Read, Write};
use std::os::unix::net::UnixStream;
use std::time::Instant;

use glovebox_seccomp::{Filter, FilterOptions};

fn main() -> std::io::Result<()> {
    let options = FilterOptions {
        memory_accounted: true,
        ..FilterOptions::default()
    };
    let filter = Filter::compile(&options);
    println!("instructions {:>8}", filter.instructions());
    println!(
        "compile      {:>8.1} us",
        median((0..200).map(|_| timed(|| drop(Filter::compile(&options)))))
    );
    println!(
        "sha256       {:>8.1} us",
        median((0..200).map(|_| timed(|| drop(filter.sha256()))))
    );
    let bare = median((0..500).map(|_| timed(hundred_calls))) / 100.0;
    let mut installs = Vec::new();
    let mut filtered = Vec::new();
    for _ in 0..50 {
        let (install, call) = in_child(&filter)?;
        installs.push(install);
        filtered.push(call);
    }
    println!("install      {:>8.1} us", median(installs.into_iter()));
    println!(
        "getppid      {:>8.3} us, bare {bare:.3} us",
        median(filtered.into_iter())
    );
    Ok(())
}

/// Microseconds of an install in a fresh child, and of one call under the filter.
fn in_child(filter: &Filter) -> std::io::Result<(f64, f64)> {
    let (mut ours, mut theirs) = UnixStream::pair()?;
    // SAFETY: the child measures, writes and exits without returning from here.
    let child = unsafe { libc::fork() };
    if child == 0 {
        // SAFETY: no pointers.
        unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) };
        let start = Instant::now();
        let listener = filter.install();
        let install = start.elapsed().as_secs_f64() * 1e6;
        let call = timed(hundred_calls) / 100.0;
        let told = theirs.write_all(&[install.to_ne_bytes(), call.to_ne_bytes()].concat());
        // SAFETY: ends the child at once.
        unsafe { libc::_exit(i32::from(listener.is_err() || told.is_err())) }
    }
    drop(theirs);
    let mut told = [[0; 8]; 2];
    for number in &mut told {
        ours.read_exact(number)?;
    }
    // SAFETY: our own child; its status is not wanted.
    unsafe { libc::waitpid(child, std::ptr::null_mut(), 0) };
    Ok((f64::from_ne_bytes(told[0]), f64::from_ne_bytes(told[1])))
}

fn hundred_calls() {
    for _ in 0..100 {
        // SAFETY: takes and touches nothing.
        unsafe { libc::syscall(libc::SYS_getppid) };
    }
}

fn timed(work: impl FnOnce()) -> f64 {
    let start = Instant::now();
    work();
    start.elapsed().as_secs_f64() * 1e6
}

fn median(times: impl Iterator<Item = f64>) -> f64 {
    let mut times: Vec<f64> = times.collect();
    times.sort_by(f64::total_cmp);
    times[times.len() / 2]
}
