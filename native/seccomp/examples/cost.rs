//! What the filter costs: `cargo run --release -p glovebox-seccomp --example cost`.

use std::time::Instant;

use glovebox_seccomp::{Filter, FilterOptions};

fn main() {
    let options = FilterOptions {
        memory_accounted: true,
        ..FilterOptions::default()
    };
    let filter = Filter::compile(&options);
    println!("instructions {}", filter.instructions());
    println!(
        "compile      {:>8.1} us",
        median(200, || drop(Filter::compile(&options)))
    );
    println!(
        "sha256       {:>8.1} us",
        median(200, || drop(filter.sha256()))
    );
    // SAFETY: no pointers.
    unsafe { libc::prctl(libc::PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) };
    let bare = median(5000, call);
    let start = Instant::now();
    let listener = filter.install();
    println!(
        "install      {:>8.1} us",
        start.elapsed().as_secs_f64() * 1e6
    );
    println!(
        "getppid      {:>8.3} us, bare {:.3} us",
        median(5000, call) / 1.0,
        bare
    );
    drop(listener);
}

fn call() {
    for _ in 0..100 {
        // SAFETY: takes and touches nothing.
        unsafe { libc::syscall(libc::SYS_getppid) };
    }
}

/// Microseconds.
fn median(rounds: usize, mut work: impl FnMut()) -> f64 {
    let mut times: Vec<f64> = (0..rounds)
        .map(|_| {
            let start = Instant::now();
            work();
            start.elapsed().as_secs_f64() * 1e6
        })
        .collect();
    times.sort_by(f64::total_cmp);
    times[rounds / 2]
}
